//! A message that is larger than the broker takes, made to fit: texts are cut, and of many alerts the lowest left out.
//!
//! Nothing is left out unsaid: a cut text ends with `…`, and a state counts what it leaves out in `alerts_omitted`.

use serde_json::{Map, Value};

/// Texts that may be cut; names, ids and times are kept whole or not at all.
const TEXTS: [&str; 5] = ["message", "reason", "payload", "topic", "field"];
/// To how many bytes a text is cut, one attempt after the other.
const LENGTHS: [usize; 4] = [400, 120, 40, 8];
/// From the first to be left out.
const PRIORITIES: [&str; 4] = ["info", "low", "medium", "high"];

/// The same message in at most `within` bytes; none where no cut makes it fit.
pub fn shorten(payload: &[u8], within: usize) -> Option<Vec<u8>> {
    let Ok(Value::Object(mut message)) = serde_json::from_slice(payload) else { return None };
    for length in LENGTHS {
        cut_texts(&mut message, length);
        if let Some(written) = fitting(&message, within) {
            return Some(written);
        }
    }
    leave_out_alerts(&mut message, within);
    fitting(&message, within)
}

/// The beginning of a text, in at most `length` bytes and whole characters.
fn beginning(text: &str, length: usize) -> &str {
    let end = (0..=length.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The same, saying so where something was cut off.
pub fn cut(text: &str, length: usize) -> String {
    match text.len() <= length {
        true => text.to_owned(),
        false => format!("{}…", beginning(text, length.saturating_sub('…'.len_utf8()))),
    }
}

fn fitting(message: &Map<String, Value>, within: usize) -> Option<Vec<u8>> {
    serde_json::to_vec(message).ok().filter(|written| written.len() <= within)
}

fn cut_texts(message: &mut Map<String, Value>, length: usize) {
    for (name, value) in message {
        match value {
            Value::String(text) if TEXTS.contains(&&**name) => *text = cut(text, length),
            Value::Array(alerts) if name == "alerts" => {
                alerts.iter_mut().filter_map(Value::as_object_mut).for_each(|alert| cut_texts(alert, length));
            }
            _ => {}
        }
    }
}

/// Of a state: leaves out alerts, the lowest first and of one priority the newest, until it fits.
fn leave_out_alerts(message: &mut Map<String, Value>, within: usize) {
    let Some(Value::Array(alerts)) = message.remove("alerts") else { return };
    message.insert("alerts_omitted".to_owned(), alerts.len().into());
    message.insert("alerts".to_owned(), Value::Array(Vec::new()));
    let room = within.saturating_sub(serde_json::to_vec(message).map_or(within, |written| written.len()));
    let lightness = |alert: &Value| PRIORITIES.iter().position(|name| alert["priority"] == **name);
    let mut order: Vec<usize> = (0..alerts.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(lightness(&alerts[at])));
    let mut used = 0;
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        used += alerts[at].to_string().len() + 1;
        if used > room {
            break;
        }
        kept.push(at);
    }
    kept.sort_unstable();
    message.insert("alerts_omitted".to_owned(), (alerts.len() - kept.len()).into());
    let stay = alerts.into_iter().enumerate().filter(|(at, _)| kept.binary_search(at).is_ok());
    message.insert("alerts".to_owned(), stay.map(|(_, alert)| alert).collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shortened(message: &Value, within: usize) -> Option<Value> {
        let written = shorten(message.to_string().as_bytes(), within)?;
        assert!(written.len() <= within, "{} of {within}", written.len());
        Some(serde_json::from_slice(&written).unwrap())
    }

    #[test]
    fn texts_are_cut_and_names_are_not() {
        let alert = json!({"id": "i".repeat(36), "patient": "p".repeat(64), "message": "é".repeat(3000)});
        let short = shortened(&alert, 600).unwrap();
        assert_eq!((&short["id"], &short["patient"]), (&alert["id"], &alert["patient"]));
        let text = short["message"].as_str().unwrap();
        assert!(text.ends_with("é…") && text.len() <= 400, "{text}");
        assert_eq!(shortened(&alert, 80), None);
    }

    #[test]
    fn a_state_with_a_great_many_alerts_keeps_the_highest_and_says_how_many_it_leaves_out() {
        let alert = |at: usize| {
            let priority = PRIORITIES[at % 4];
            json!({"id": format!("{at:036}"), "priority": priority, "message": "x".repeat(100)})
        };
        let alerts: Vec<_> = (0..2000).map(alert).collect();
        let state = json!({"unit": "icu-1", "patient": "p-17", "alerts": alerts});
        let short = shortened(&state, 20_000).unwrap();
        let kept = short["alerts"].as_array().unwrap();
        assert!(kept.len() > 100, "{}", kept.len());
        assert!(kept.iter().all(|alert| alert["priority"] == "high"));
        assert_eq!(short["alerts_omitted"], 2000 - kept.len());
        assert!(kept.iter().map(|alert| alert["id"].as_str()).is_sorted(), "in the order of before");
    }

    #[test]
    fn what_is_no_message_of_ours_is_not_shortened() {
        assert_eq!(shorten(b"online", 3), None);
        assert_eq!(shorten(b"", 0), None);
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("ééé", 4), "…");
    }
}
