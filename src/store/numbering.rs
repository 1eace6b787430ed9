//! How numbers that were given without a look into the store become numbers of its rows.

/// From here on numbers are given by a run that could not read its store: far above all that stand in one.
pub const UNREAD: u64 = 1 << 62;

/// Maps numbers that were given in this process to those of rows. They differ where the store holds rows that this
/// process did not know when it gave the numbers.
#[derive(Debug, Default)]
pub struct Numbering {
    /// From this number on, this is added; in rising order.
    shifts: Vec<(u64, i64)>,
}

impl Numbering {
    /// From `number` on, rows count from `row`.
    pub fn shift(&mut self, number: u64, row: u64) {
        self.shifts.push((number, row.cast_signed().wrapping_sub(number.cast_signed())));
    }

    /// The number of a row.
    pub fn row(&self, number: u64) -> i64 {
        let shift = self.shifts.iter().rev().find(|(from, _)| *from <= number);
        number.cast_signed().wrapping_add(shift.map_or(0, |(_, by)| *by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_numbered_without_the_store_follows_what_is_in_it() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.row(7), 7);
        numbering.shift(UNREAD, 1000);
        assert_eq!([7, UNREAD, UNREAD + 5].map(|number| numbering.row(number)), [7, 1000, 1005]);
        numbering.shift(UNREAD + 6, 2000);
        assert_eq!([7, UNREAD + 5, UNREAD + 6].map(|number| numbering.row(number)), [7, 1005, 2000]);
    }
}
