//! `check` opens what `run` would open, and names what is wrong with its line.

use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::{DEPLOYED, end, file, folder, run, text, wardwatch};

/// A certificate and its key.
fn identity() -> (PathBuf, PathBuf) {
    let CertifiedKey { cert, key_pair } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    (file(cert.pem()), file(key_pair.serialize_pem()))
}

/// What `check` says is wrong with `[mqtt]` of these lines, and what `run` says, which must be the same.
fn fault(lines: &str) -> String {
    let config = file(format!("[mqtt]\nurl = \"mqtts://127.0.0.1:1\"\n{lines}\n[store]\nurl = \"memory\"\n"));
    let checked = run(&["check", "--config", text(&config)]);
    assert_eq!(checked.status, Some(2), "{lines}: {checked:?}");
    let started = end(wardwatch(&["run", "--config", text(&config)]).stdout(std::process::Stdio::piped()));
    assert_eq!(started.status, Some(2), "{lines}: {started:?}");
    let fault = checked.said.lines().next().expect("a fault").to_owned();
    assert!(started.complained.contains(&fault), "{lines}: {started:?}");
    fault.replace(text(&config), "site.toml").replace(text(&folder()), "DIR")
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_a_fault() {
    let (certificate, key) = identity();
    let (_, other_key) = identity();
    let no_pem = file("-----BEGIN NOTHING\n");
    let prose = file("ask the office for the certificate\n");
    let empty = file("");
    let given = |setting: &str, path: &Path| format!("{setting} = \"{}\"\n", text(path));
    for (lines, line, setting, why) in [
        (given("ca_file", &no_pem), 3, "ca_file", "a section of it does not begin or end as it should"),
        (given("ca_file", &prose), 3, "ca_file", "holds no certificate that can be used"),
        (given("ca_file", &key), 3, "ca_file", "holds no certificate that can be used"),
        (given("ca_file", &empty), 3, "ca_file", "holds no certificate that can be used"),
        (given("ca_file", &folder()), 3, "ca_file", "is not a file"),
        (
            given("ca_file", &certificate)
                + &given("certificate_file", &certificate)
                + &given("key_file", &other_key),
            5,
            "key_file",
            "is not the key of the certificate in certificate_file",
        ),
        (
            given("certificate_file", &certificate)
                + &given("key_file", &certificate)
                + &given("ca_file", &certificate),
            4,
            "key_file",
            "cannot be read as PEM",
        ),
    ] {
        let fault = fault(&lines);
        assert!(fault.starts_with(&format!("site.toml:{line}: mqtt.{setting}: ")), "{fault}");
        assert!(fault.contains(why), "{fault}");
    }
}

#[test]
fn a_password_that_cannot_be_read_is_a_fault() {
    let no_text = file([0xff, 0xfe, b'\n']);
    let empty = file("\n");
    for (path, why) in
        [(&no_text, "stream did not contain valid UTF-8"), (&empty, "has no password on its first line")]
    {
        let fault = fault(&format!("username = \"ward\"\npassword_file = \"{}\"", text(path)));
        assert!(fault.starts_with("site.toml:4: mqtt.password_file: "), "{fault}");
        assert!(fault.contains(why), "{fault}");
    }
}

#[test]
fn a_store_that_cannot_be_written_is_a_fault() {
    let no_database = file("this is a letter, not a database\n");
    let no_folder = file("").join("wardwatch.db");
    for (path, why) in [
        (Path::new("nowhere/wardwatch.db"), "nowhere is not a writable folder"),
        // Not even root may write here.
        (Path::new("/proc/wardwatch.db"), "/proc is not a writable folder"),
        (&no_folder, "is not a writable folder"),
        (&no_database, "is not an SQLite database"),
        (&folder(), "cannot be opened"),
    ] {
        let config = file(format!("[store]\nurl = \"sqlite://{}\"\n", path.display()));
        let checked = run(&["check", "--config", text(&config)]);
        assert_eq!(checked.status, Some(2), "{checked:?}");
        let fault = checked.said.lines().next().expect("a fault").replace(text(&config), "site.toml");
        assert!(fault.starts_with("site.toml:2: store.url: "), "{fault}");
        assert!(fault.contains(why), "{fault}");
    }
}

#[test]
fn check_leaves_nothing_behind_and_says_nothing_of_the_file_that_we_ship() {
    let home = folder().join(format!("home-{}", std::process::id()));
    std::fs::create_dir_all(&home).expect("a folder");
    let checked = end(wardwatch(&["check", "--config", DEPLOYED])
        .current_dir(&home)
        .stdout(std::process::Stdio::piped()));
    assert_eq!((checked.status, &*checked.complained), (Some(0), ""));
    assert_eq!(checked.said.lines().next(), Some(&*format!("{DEPLOYED}: no fault")));
    assert!(!checked.said.contains("note"), "{checked:?}");
    assert_eq!(std::fs::read_dir(&home).expect("the folder").count(), 0);
    std::fs::remove_dir(&home).expect("an empty folder");
}
