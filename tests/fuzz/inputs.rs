//! Input as strangers, broken devices and full disks make it: noise, half-right texts, and right ones with damage.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words that mean something somewhere.
const WORDS: [&str; 58] = [
    "time",
    "device",
    "seq",
    "heart_rate",
    "pulse_rate",
    "oxygen_saturation",
    "respiratory_rate",
    "blood_pressure",
    "systolic_pressure",
    "diastolic_pressure",
    "mean_pressure",
    "temperature",
    "etco2",
    "fio2",
    "oxygen_flow",
    "supplemental_oxygen",
    "consciousness",
    "simulated",
    "systolic",
    "diastolic",
    "mean",
    "class",
    "born",
    "pregnant",
    "spo2_scale",
    "room",
    "bed",
    "label",
    "devices",
    "from",
    "limits",
    "low",
    "high",
    "extreme_low",
    "extreme_high",
    "hysteresis",
    "delay",
    "extreme_delay",
    "clear_delay",
    "attending",
    "version",
    "taken",
    "patient",
    "uptime",
    "wall",
    "adult",
    "neonate",
    "paediatric",
    "A",
    "V",
    "online",
    "offline",
    "mqtt",
    "url",
    "store",
    "units",
    "sources",
    "off",
];

/// Numbers at which something ends.
const NUMBERS: [&str; 30] = [
    "0",
    "-0",
    "1",
    "-1",
    "72",
    "98.6",
    "0.97",
    "1e3",
    "1e-7",
    "1E400",
    "-1e400",
    "1e308",
    "9007199254740993",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999999999999999999999",
    "0.005",
    "0.015",
    "21474836.47",
    "21474836.48",
    "1763793306120",
    "-62135596800000",
    "253402300799999",
    "NaN",
    "Infinity",
    "00012",
];

/// Texts that somebody reads as something.
const TEXTS: [&str; 22] = [
    "120/80",
    "120/80/93",
    "/",
    "120/",
    "72 bpm",
    "97 %",
    "36,8",
    "2026-11-22T06:35:06.120Z",
    "2026-11-22T06:35:06+14:00",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
    "2026-11-22T06:35:60Z",
    "1951-03-02",
    "5s",
    "10min",
    "99999999999999999999h",
    "\u{feff}",
    "\u{0}",
    "ß",
    "\u{10ffff}",
    "mon-17",
];

/// A source of input: the same seed gives the same.
pub struct Inputs {
    random: ChaCha8Rng,
}

impl Inputs {
    pub fn of(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    pub fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// How long something is: mostly short, seldom very long.
    fn length(&mut self) -> usize {
        match self.below(200) {
            0 => self.below(1 << 16),
            1..=10 => self.below(1 << 11),
            _ => self.below(40),
        }
    }

    pub fn noise(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.length()];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// A topic: of a few levels, most of which may stand where they do.
    pub fn topic(&mut self) -> String {
        const KINDS: [&str; 9] = ["vitals", "patients", "devices", "probe", "alerts", "", "#", "+", "$SYS"];
        const NAMES: [&str; 12] =
            ["icu-1", "p-17", "_", "-", ".", "..", "status", "a b", "ü", "\u{0}", "mon-17", "wardwatch"];
        let mut levels = vec![self.one_of(&["wardwatch", "wardwatch", "wardwatch", "ward", ""]).to_owned()];
        levels.push(self.one_of(&KINDS).to_owned());
        for _ in 0..self.below(5) {
            let name = match self.below(12) {
                0 => "x".repeat(62 + self.below(5)),
                1 => String::from_utf8_lossy(&self.noise()).into_owned(),
                _ => self.one_of(&NAMES).to_owned(),
            };
            levels.push(name);
        }
        levels.join("/")
    }

    /// JSON, or nearly.
    pub fn json(&mut self) -> Vec<u8> {
        let mut text = String::new();
        match self.below(60) {
            // As deep as it gets.
            0 => {
                let (open, deep) = (self.one_of(&["[", "{\"a\":", "[{\"heart_rate\":"]), self.below(20_000));
                text = open.repeat(deep);
            }
            // As many as it gets.
            1 => {
                let mut element = String::new();
                self.value(&mut element, 3);
                let many = vec![element; self.below(1_200)];
                text = format!("[{}]", many.join(","));
            }
            _ => self.value(&mut text, 4),
        }
        let mut bytes = text.into_bytes();
        if self.below(4) == 0 {
            self.damage(&mut bytes);
        }
        bytes
    }

    fn value(&mut self, text: &mut String, depth: usize) {
        match self.below(if depth == 0 { 6 } else { 12 }) {
            0 => text.push_str(self.one_of(&["null", "true", "false", "nul"])),
            1..=3 => text.push_str(self.one_of(&NUMBERS)),
            4 => *text += &format!("{:?}", self.one_of(&TEXTS)),
            5 => *text += &format!("\"{}\"", self.one_of(&NUMBERS)),
            6 | 7 => self.list(text, depth),
            _ => self.object(text, depth),
        }
    }

    fn list(&mut self, text: &mut String, depth: usize) {
        text.push('[');
        for place in 0..self.below(6) {
            text.push_str(if place > 0 { "," } else { "" });
            self.value(text, depth - 1);
        }
        text.push(']');
    }

    fn object(&mut self, text: &mut String, depth: usize) {
        text.push('{');
        for place in 0..self.below(9) {
            text.push_str(if place > 0 { "," } else { "" });
            let key = match self.below(30) {
                0 => "k".repeat(self.length()),
                _ => self.one_of(&WORDS).to_owned(),
            };
            *text += &format!("\"{key}\":");
            self.value(text, depth - 1);
        }
        text.push('}');
    }

    /// Lines of settings, or nearly.
    pub fn toml(&mut self) -> Vec<u8> {
        let mut text = String::new();
        for _ in 0..self.below(12) {
            let keys: Vec<_> = (0..=self.below(3)).map(|_| self.one_of(&WORDS)).collect();
            let path = keys.join(self.one_of(&[".", ".", "..", " . "]));
            if self.below(3) == 0 {
                text +=
                    &format!("{}{path}{}\n", self.one_of(&["[", "[", "[["]), self.one_of(&["]", "]", "]]"]));
                continue;
            }
            let mut value = String::new();
            self.value(&mut value, 2);
            text += &format!("{path} = {}\n", value.replace("\":", "\" = "));
        }
        let mut bytes = text.into_bytes();
        if self.below(4) == 0 {
            self.damage(&mut bytes);
        }
        bytes
    }

    /// Something that was right, with a little damage.
    pub fn damaged(&mut self, right: &[u8]) -> Vec<u8> {
        let mut bytes = right.to_vec();
        for _ in 0..=self.below(4) {
            self.damage(&mut bytes);
        }
        bytes
    }

    /// Something that was right, with one number in it replaced by another.
    pub fn with_another_number(&mut self, right: &str) -> Vec<u8> {
        let digits = right.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit());
        let places: Vec<_> = digits.map(|(place, _)| place).collect();
        let Some(&place) = places.get(self.below(places.len())) else { return right.into() };
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'-' || *byte == b'.';
        let bytes = right.as_bytes();
        let begin = bytes[..place].iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
        let end = bytes[place..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |at| place + at);
        [&bytes[..begin], self.one_of(&NUMBERS).as_bytes(), &bytes[end..]].concat()
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let (place, other) = (self.below(bytes.len()), self.below(bytes.len()));
        match self.below(6) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place.min(bytes.len()), self.random.random()),
            2 if !bytes.is_empty() => bytes[place] ^= 1 << self.below(8),
            3 if !bytes.is_empty() => drop(bytes.remove(place)),
            4 => {
                let piece = bytes[place.min(other)..place.max(other)].to_vec();
                bytes.splice(place..place, piece);
            }
            _ => {
                let word = self.one_of(&WORDS).as_bytes().to_vec();
                bytes.splice(place..place, word);
            }
        }
    }
}
