//! The tables of the life cycle's signal, as the README prints them.

use wardwatch_actors::alerts::Attention;
use wardwatch_actors::alerts::Signal;
use wardwatch_actors::alerts::attention::Move;
use wardwatch_actors::settings::Inactivation;

const MOVES: [(&str, Move); 9] = [
    ("begins", Move::Opened),
    ("begins, with a signal delay", Move::OpenedWithDelay),
    ("signal delay over", Move::DelayOver),
    ("rises above what was acknowledged", Move::Worsened),
    ("acknowledged", Move::Acknowledge),
    ("unacknowledged", Move::Unacknowledge),
    ("ends", Move::Ended),
    ("ends, latching", Move::EndedLatching),
    ("reset", Move::Reset),
];

const fn name(attention: Attention) -> &'static str {
    match attention {
        Attention::Over => "over",
        Attention::Delayed => "delayed",
        Attention::Signalled => "signalled",
        Attention::Acknowledged => "acknowledged",
        Attention::Latched => "latched",
    }
}

/// A row of a table; a cell that is the state itself stays empty.
fn row(first: &str, cells: impl Iterator<Item = &'static str>) -> String {
    format!("| {first} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn tables() -> String {
    let states = || Attention::ALL.into_iter();
    let head = |title: &str| row(title, states().map(name)) + &row("---", states().map(|_| "---"));
    let mut text = head("The alert");
    for (what, moved) in MOVES {
        let after =
            |state: Attention| if state.after(moved) == state { "" } else { name(state.after(moved)) };
        text += &row(what, states().map(after));
    }
    text += "\n";
    text += &head("Heard under");
    for inactivation in [None].into_iter().chain(Inactivation::ALL.map(Some)) {
        let heard = |state| Signal::of(state, inactivation).name();
        text += &row(inactivation.map_or("nothing", Inactivation::name), states().map(heard));
    }
    text
}

#[test]
fn the_readme_prints_the_tables_that_hold() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&tables()), "README.md is to say:\n\n{}", tables());
}

#[test]
fn what_is_heard_changes_by_one_event_and_never_without_one() {
    for from in Signal::ALL {
        for to in Signal::ALL {
            assert_eq!(from.event_to(to).is_none(), from == to, "{from:?} {to:?}");
        }
    }
}
