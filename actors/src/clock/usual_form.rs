//! The usual form of a moment, `2026-11-22T06:35:06.120Z`, read and written without the calendar of a library.

use super::Timestamp;

impl Timestamp {
    /// Reads `2026-11-22T06:35:06.120Z`, the form in which nearly every reading has its time.
    ///
    /// Anything else, and a day that may not exist, is left to the calendar of the library.
    pub(super) fn from_usual_form(text: &[u8]) -> Option<Self> {
        const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
        let fits =
            |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
        if text.len() != FORM.len() || !text.iter().zip(FORM).all(fits) {
            return None;
        }
        let number =
            |from: usize, to: usize| text[from..to].iter().fold(0, |n, byte| n * 10 + i64::from(byte - b'0'));
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        let possible = (1970..9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=28).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !possible {
            return None;
        }
        // Days since 1970, of years that begin in March, so that a leap day is a year's last.
        let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
        Some(Self(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + number(20, 23)))
    }

    /// RFC 3339 with milliseconds, in UTC. Every message has several: written digit by digit.
    pub(super) fn written(self) -> [u8; 24] {
        let (days, ms) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        // Of years that begin in March, as above; 146,097 days are 400 years.
        let (era, day) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, year) = (day - (153 * month + 2) / 5 + 1, era * 400 + year + month / 10);
        let month = if month < 10 { month + 3 } else { month - 9 };
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let (second, milli) = ((ms / 1000) as u32, (ms % 1000) as u32);
        let (year, month, day) = (year as u32, month as u32, day as u32);
        let pairs = [(0, year / 100), (2, year % 100), (5, month), (8, day)];
        let time = [(11, second / 3600), (14, second / 60 % 60), (17, second % 60), (21, milli % 100)];
        for (place, number) in pairs.into_iter().chain(time) {
            (text[place], text[place + 1]) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
        }
        text[20] = b'0' + (milli / 100) as u8;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_is_read_as_the_calendar_reads_it() {
        // Every 13 hours and some, over four centuries.
        for step in 0..300_000_i64 {
            let moment = Timestamp::from_unix_ms(step * 47_123_457);
            let text = moment.to_string();
            let quick = Timestamp::from_usual_form(text.as_bytes());
            assert!(quick.is_none_or(|quick| quick == moment), "{text}");
            assert!(quick.is_some() || text[8..10].parse::<u8>().unwrap() > 28, "{text}");
        }
        for odd in ["2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-01-01T24:00:00.000Z"] {
            assert!(odd.parse::<Timestamp>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_moment_is_written_as_the_calendar_writes_it() {
        let days = (-719_162..2_932_000).step_by(13).chain(-800..800).map(|day| day * 86_400_000);
        for ms in days.flat_map(|day| [day - 1, day, day + 45_296_789]) {
            let moment = Timestamp::from_unix_ms(ms);
            let time = jiff::Timestamp::from_millisecond(moment.unix_ms()).unwrap();
            assert_eq!(moment.to_string(), format!("{time:.3}"));
        }
    }
}
