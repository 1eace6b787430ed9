//! `wardwatch check`, as whoever wrote the configuration reads it.

use std::fs;
use std::path::Path;

use wardwatch::check::{Report, check};

/// The report on a file of this text, named `site.toml` in it.
fn report(name: &str, text: &str) -> (Report, String) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    let report = check(&path, &[]);
    let shown = report.to_string().replace(&path.display().to_string(), "site.toml");
    (report, shown)
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let text = r#"
dashbord = 1
[mqtt]
url = "tcp://broker:1883"
password = "s3cret"
max_unacknowledged = 0
keep_alive = 60
ca_file = "nowhere.pem"
[limits.adult.heart_rate]
hihg = 120
delay = "5"
[limits.adult]
etco2 = { high = 10 }
respiratory_rate = { low = 31 }
[units.icu-1.limits.adult]
oxygen_saturation = { extreme_low = "off" }
temperature = { low = 39.5 }
[units."icu 2".limits.adult]
heart_rate = { low = 60 }
[sources."mon-*"]
zero_is_missing = "heart_rate"
[scores]
news2 = true
[log]
format = "jsno"
"#;
    let (found, shown) = report("faults", text);
    let expected = r#"site.toml:2: dashbord: unknown key, did you mean dashboard?; allowed is mqtt, admission, limits, units, missing, scores, alerts, signals, escalation, senders, receivers, bounds, sources, store, log, dashboard
site.toml:4: mqtt.url: "tcp://broker:1883" does not begin with mqtt:// or mqtts://; allowed is mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS (ports 1883 and 8883 may be left out)
site.toml:5: mqtt.password: a password may not stand in this file; allowed is password_file, or the variable WARDWATCH__MQTT__PASSWORD
site.toml:6: mqtt.max_unacknowledged: 0 is not allowed; allowed is 1 to 65535
site.toml:7: mqtt.keep_alive: 60 is not allowed; allowed is a duration in quotes, as "500ms", "5s", "10min" or "24h"
site.toml:8: mqtt.ca_file: nowhere.pem cannot be read: No such file or directory (os error 2); allowed is a file that can be read
site.toml:10: limits.adult.heart_rate.hihg: unknown key, did you mean high?; allowed is low, high, extreme_low, extreme_high, hysteresis, delay, extreme_delay, clear_delay
site.toml:11: limits.adult.heart_rate.delay: `5` is not a duration; allowed is a number with its unit, as 500ms, 5s, 10min or 24h
site.toml:13: limits.adult.etco2.high: does not go with low = 15 mmHg; allowed for low is a value below high (10 mmHg)
site.toml:14: limits.adult.respiratory_rate.low: 31 /min is not allowed; allowed is a value below high (30 /min)
site.toml:16: units.icu-1.limits.adult.oxygen_saturation.extreme_low: off is not allowed; allowed is 80 % or more: below, the alert is always of high priority
site.toml:17: units.icu-1.limits.adult.temperature.low: 39.5 °C is not allowed; allowed is a value below high (39 °C)
site.toml:18: units."icu 2": `icu 2` contains ` `, a name has only A-Z a-z 0-9 . _ -
site.toml:21: sources."mon-*".zero_is_missing: "heart_rate" is not allowed; allowed is a list, as ["heart_rate"]
site.toml:23: scores.news2: true is not allowed; allowed is a section with keys of its own
site.toml:25: log.format: jsno is not allowed, did you mean json?; allowed is text, json
site.toml: 16 faults
"#;
    assert_eq!(shown, expected);
    assert_eq!(found.faults.len(), 16);
}

#[test]
fn every_slip_of_syntax_is_reported_and_the_rest_is_judged_all_the_same() {
    let text =
        "[mqtt]\nclient_id = ward\n[admission\nmax_rate = 5\n[log]\nlevel = \"infos\"\nlevel = \"info\"\n";
    let (_, shown) = report("syntax", text);
    let expected = "\
site.toml:2: not TOML: string values must be quoted, expected literal string
site.toml:3: not TOML: unclosed table, expected `]`
site.toml:6: log.level: infos is not allowed, did you mean info?; allowed is error, warn, info, debug, trace
site.toml:7: not TOML: duplicate key
site.toml: 4 faults
";
    assert_eq!(shown, expected);
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let report = check(Path::new("no-such-file.toml"), &[]);
    assert!(report.to_string().starts_with("no-such-file.toml: cannot be read: "), "{report}");
    assert_eq!(report.faults.len(), 1);
}

#[test]
fn pages_that_know_no_users_are_served_to_this_machine_alone() {
    let (found, shown) = report("pages", "[dashboard]\nlisten = \"0.0.0.0:8080\"\n");
    assert_eq!(found.faults.len(), 1);
    assert!(shown.starts_with("site.toml:2: dashboard.listen: \"0.0.0.0:8080\" is not allowed; allowed is an address of this machine alone"), "{shown}");
    for allowed in ["[::1]:8080", "127.0.0.2:80", "off"] {
        assert_eq!(
            report("pages", &format!("[dashboard]\nlisten = \"{allowed}\"\n")).0.faults,
            [],
            "{allowed}"
        );
    }
}

#[test]
fn without_a_fault_it_says_what_holds_for_whom() {
    let text = r#"
[limits.adult.heart_rate]
high = 125
[units.icu-1.limits.adult]
heart_rate = { low = "off", delay = "20s" }
[units.icu-1.missing.adult]
heart_rate = "10s"
[missing]
neonate = { etco2 = "2min" }
[dashboard]
listen = "off"
"#;
    let (found, shown) = report("effective", text);
    assert_eq!(found.faults, []);
    let adults = r#"site.toml: no fault
warning: no [[escalation]] step is given: nobody is called where an alert of high priority has no answer

Limits, adult                       extreme low     low    high  extreme high  hysteresis   delay  extreme delay  clear delay
  heart_rate /min                            40      50     125           150           3     5 s            5 s         10 s
  oxygen_saturation %                        80      90     off           off           1    15 s            0 s         10 s
  respiratory_rate /min                       5       8      30            35           1    10 s           10 s         10 s
  systolic_pressure mmHg                     80      90     160           200           3     0 s            0 s         10 s
  diastolic_pressure mmHg                   off      50      90           off           3     0 s            0 s         10 s
  mean_pressure mmHg                         55      60     110           off           3     0 s            0 s         10 s
  temperature °C                             32      35      39            41         0.2     0 s            0 s         10 s
  etco2 mmHg                                off      15      50           off           2    10 s           10 s         10 s

Limits, adult in icu-1              extreme low     low    high  extreme high  hysteresis   delay  extreme delay  clear delay
  heart_rate /min                            40     off     125           150           3    20 s           20 s         10 s
"#;
    assert!(shown.starts_with(adults), "{shown}");
    let rest = r#"
Missing data
  a vital is missing after          3 times its usual interval, at least 20 s
    heart_rate, adult in icu-1      10 s
    etco2, neonate                  2 min
  rises to medium priority after    5 min
  a patient is unheard after        10 min

NEWS2, adults
  delay                             60 s
  falls or clears after             5 min
  counts continuous vitals for      15 min
  counts blood pressure for         6 h
  counts temperature for            12 h
  counts consciousness for          12 h
"#;
    assert!(shown.ends_with(rest), "{shown}");
    assert!(!shown.contains("neonate in"), "only units that differ are shown: {shown}");
}
