//! Faults that a test provokes in the real program, to see how it ends: named, with commas between, in the
//! variable `WARDWATCH_FAULT`. Builds for use (`--release`) have none of this.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::feed::{Consumer, Emission};

/// Whether this fault is to happen.
pub fn is(fault: &str) -> bool {
    static FAULTS: OnceLock<String> = OnceLock::new();
    let faults = || FAULTS.get_or_init(|| std::env::var("WARDWATCH_FAULT").unwrap_or_default());
    cfg!(debug_assertions) && faults().split(',').any(|named| named == fault)
}

/// Panics where this fault is to happen.
#[allow(clippy::panic, reason = "a panic is what the test wants to see the end of")]
pub fn panic(fault: &str) {
    if is(fault) {
        panic!("provoked: {fault}");
    }
}

/// Never goes on where this fault is to happen.
pub fn hang(fault: &str) {
    while is(fault) {
        thread::sleep(Duration::from_secs(1));
    }
}

/// A consumer of the feed at whose call the store's thread panics, where that is to happen.
pub fn consumer() -> Option<Box<dyn Consumer>> {
    is("recorder").then(|| Box::new(Panicking) as Box<dyn Consumer>)
}

struct Panicking;

impl Consumer for Panicking {
    fn take(&self, _: &Emission) {
        panic("recorder");
    }
}
