//! The figures as a table for people, each beside what it should be.

use std::fmt;

use super::spread::Spread;

/// The figures, one a line, in the order in which they are shown.
#[derive(Debug, Default)]
pub struct Table(Vec<TableLine>);

/// One line of the table.
#[derive(Debug)]
struct TableLine {
    what: String,
    figure: Figure,
    should_be: &'static str,
}

/// One measured figure, with so many digits after the point.
#[derive(Debug)]
enum Figure {
    One(f64, usize),
    Spread(Spread, usize),
}

impl Table {
    /// Adds the least, the middle and the most of a figure; what it should be is empty where there is no goal.
    pub fn spread(
        &mut self,
        what: impl Into<String>,
        spread: Spread,
        digits: usize,
        should_be: &'static str,
    ) {
        self.0.push(TableLine { what: what.into(), figure: Figure::Spread(spread, digits), should_be });
    }

    /// Adds a figure that was measured once.
    pub fn one(&mut self, what: impl Into<String>, value: f64, digits: usize, should_be: &'static str) {
        self.0.push(TableLine { what: what.into(), figure: Figure::One(value, digits), should_be });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<52}{:>10}{:>10}{:>10}   should be", "", "least", "median", "most")?;
        self.0.iter().try_for_each(|line| line.fmt(f))
    }
}

impl fmt::Display for TableLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = String::new;
        let [least, middle, most] = match self.figure {
            Figure::One(value, digits) => [nothing(), number(value, digits), nothing()],
            Figure::Spread(Spread { least, median, most }, digits) => {
                [least, median, most].map(|value| number(value, digits))
            }
        };
        let line = format!("{:<52}{least:>10}{middle:>10}{most:>10}   {}", self.what, self.should_be);
        writeln!(f, "{}", line.trim_end())
    }
}

/// A number for people, its thousands apart.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(999.994, 2), "999.99");
        assert_eq!(number(0.061, 2), "0.06");
        assert_eq!(number(100_000.0, 1), "100,000.0");
    }

    #[test]
    fn a_figure_stands_beside_what_it_should_be() {
        let mut table = Table::default();
        table.spread("ratio", Spread { least: 1.0, median: 1.25, most: 1.5 }, 2, "≥ 1.0");
        let text = table.to_string();
        let words: Vec<_> = text.lines().last().unwrap_or_default().split_whitespace().collect();
        assert_eq!(words, ["ratio", "1.00", "1.25", "1.50", "≥", "1.0"]);
    }
}
