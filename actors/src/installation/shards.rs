//! What each shard says of itself, summed.

/// How many devices must be known before our own clock may be blamed.
const DEVICES_TO_BLAME_OURSELVES: usize = 3;

/// What the clocks of devices say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clocks {
    /// How many devices are known.
    pub devices: usize,
    /// How many of them are behind our own clock beyond the tolerance.
    pub behind: usize,
    /// How many are ahead of it.
    pub ahead: usize,
}

/// What a shard says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardReport {
    pub clocks: Clocks,
    /// Whether somebody was not admitted, and all places are still taken.
    pub full: bool,
    /// Whether discharges are held.
    pub holds: bool,
}

/// The last report of each shard.
#[derive(Debug)]
pub(super) struct Shards(Vec<Option<ShardReport>>);

impl Shards {
    pub fn new(shards: usize) -> Self {
        Self(vec![None; shards])
    }

    pub fn note(&mut self, shard: usize, report: ShardReport) {
        if let Some(last) = self.0.get_mut(shard) {
            *last = Some(report);
        }
    }

    pub fn have_all_reported(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    pub fn is_full(&self) -> bool {
        self.0.iter().flatten().any(|report| report.full)
    }

    pub fn hold_discharges(&self) -> bool {
        self.0.iter().flatten().any(|report| report.holds)
    }

    /// How many of how many devices are off by the same sign, where that makes our own clock the likelier fault.
    pub fn own_clock_suspect(&self) -> Option<(usize, usize)> {
        let sum = |of: fn(&Clocks) -> usize| self.0.iter().flatten().map(|report| of(&report.clocks)).sum();
        let (devices, behind, ahead): (usize, usize, usize) =
            (sum(|of| of.devices), sum(|of| of.behind), sum(|of| of.ahead));
        let most = behind.max(ahead);
        (devices >= DEVICES_TO_BLAME_OURSELVES && most * 2 > devices).then_some((most, devices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of shards with so many (devices, behind, ahead).
    fn suspect(shards: &[(usize, usize, usize)]) -> bool {
        let mut reports = Shards::new(shards.len());
        for (shard, (devices, behind, ahead)) in shards.iter().copied().enumerate() {
            reports.note(
                shard,
                ShardReport { clocks: Clocks { devices, behind, ahead }, ..ShardReport::default() },
            );
        }
        reports.own_clock_suspect().is_some()
    }

    /// Seen to fail with the least number of devices, and with the sign, taken out.
    #[test]
    fn our_own_clock_is_suspect_where_more_than_half_of_three_or_more_are_off_by_the_same_sign() {
        for (suspected, shards) in [
            (false, &[(2, 2, 0)][..]),
            (true, &[(3, 2, 0)]),
            (true, &[(3, 0, 2)]),
            (false, &[(3, 1, 1)]),
            (false, &[(4, 2, 2)]),
            (false, &[(4, 2, 0)]),
            (true, &[(2, 2, 0), (1, 0, 0)]),
            (false, &[(3, 3, 0), (3, 0, 3)]),
        ] {
            assert_eq!(suspect(shards), suspected, "{shards:?}");
        }
    }
}
