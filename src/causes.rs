//! An error with everything that caused it, in one line: the one printer of causes.

use std::error::Error;
use std::fmt;

/// Shows an error, and after it each cause that says something new.
#[derive(Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = words(self.0);
        f.write_str(&written)?;
        let mut cause = self.0.source();
        while let Some(source) = cause {
            let why = words(source);
            // Some errors of libraries show their source themselves.
            if !why.is_empty() && !written.contains(&why) {
                write!(f, ": {why}")?;
                written.push_str(&why);
            }
            cause = source.source();
        }
        Ok(())
    }
}

/// What an error says of itself.
///
/// JSON of one line stands in a line of its own somewhere else, whose number is the one that helps.
fn words(error: &(dyn Error + 'static)) -> String {
    let words = error.to_string();
    match error.downcast_ref::<serde_json::Error>() {
        Some(json) if json.line() == 1 => words.replace(" at line 1 column ", " at column "),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("the file cannot be read")]
    struct Outer(#[source] Middle);

    #[derive(Debug, Error)]
    #[error("the disk says: {0}")]
    struct Middle(#[source] std::io::Error);

    #[test]
    fn every_cause_is_written_once() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Outer(Middle(full));
        assert_eq!(Causes(&error).to_string(), "the file cannot be read: the disk says: no storage space");
    }

    #[test]
    fn json_of_one_line_names_its_column_only() {
        let one = serde_json::from_str::<Vec<u8>>("[1,").unwrap_err();
        assert_eq!(Causes(&one).to_string(), "EOF while parsing a value at column 3");
        let two = serde_json::from_str::<Vec<u8>>("[1,\n2,]").unwrap_err();
        assert!(Causes(&two).to_string().ends_with(" at line 2 column 3"), "{two}");
    }
}
