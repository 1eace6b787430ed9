//! Whatever stands in a configuration, it is read or its faults are reported.

use std::fs;
use std::path::Path;

use wardwatch::config::Config;

use super::inputs::Inputs;
use super::try_all;

const DEPLOYED: &str = include_str!("../../deploy/wardwatch.toml");

#[test]
fn no_configuration_does_harm_and_one_that_is_read_can_be_judged_by() {
    let make = |inputs: &mut Inputs| match inputs.below(20) {
        0 => inputs.noise(),
        1 => inputs.damaged(DEPLOYED.as_bytes()),
        2 => inputs.with_another_number(DEPLOYED),
        _ => inputs.toml(),
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.toml", std::process::id()));
    try_all(
        "configuration",
        4_000,
        (4 << 20, 400),
        make,
        |text| text,
        |text| {
            fs::write(&file, text).expect("a file");
            match Config::load(Some(&file), &[], &[]) {
                Ok(config) => {
                    assert!(config.settings().is_ok(), "limits that do not fit together were let through")
                }
                Err(faults) => {
                    assert!(faults.iter().all(|fault| !fault.to_string().is_empty()) && !faults.is_empty())
                }
            }
        },
    );
    let _ = fs::remove_file(file);
}
