//! The stay of the same name before this one: what a device kept since then is of somebody else.

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};

/// A reading that is older than this when it comes was sent by a wrong clock rather than kept since a former stay.
const KEPT_FOR: Span = Span::from_hours(24);

/// Until when what was measured is a former stay's; none where there was no such stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormerStay(Option<Timestamp>);

impl FormerStay {
    /// One that ended then, by a clock that may be wrong by its tolerance.
    pub fn until(end: Option<Timestamp>, tolerance: Span) -> Self {
        Self(end.map(|end| end - tolerance))
    }

    /// Whether there was none.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a reading of this time, as it is judged, was measured in it.
    pub fn has(self, at: Timestamp, arrival: Timestamp) -> bool {
        self.0.is_some_and(|end| at < end && arrival.since(at) <= KEPT_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_before_the_end_is_a_former_stays_but_for_the_tolerance_and_what_no_buffer_keeps() {
        let second = |second: i64| Timestamp::from_unix_ms(second * 1000);
        let former = FormerStay::until(Some(second(200_000)), Span::from_secs(5));
        let has = |at: i64| former.has(second(at), second(200_300));
        assert_eq!([199_994, 199_995, 200_100].map(has), [true, false, false]);
        assert_eq!([200_300 - 86_400, 200_300 - 86_401].map(has), [true, false]);
        assert!(!FormerStay::default().has(second(1), second(2)));
    }
}
