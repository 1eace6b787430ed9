//! What is built in: its licences, where it comes from, and what is there in two versions.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::sources::{ROOT, nowhere, only_where_excepted};

/// Licences that ask no more than to be named.
const LICENCES: [&str; 8] =
    ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0", "Unlicense", "Zlib"];

/// Packages of which several versions are built in or locked, and who keeps the older one.
const SEVERAL_VERSIONS: [(&str, &str); 16] = [
    ("embedded-io", "postcard (of rmqtt) names two, and builds neither"),
    ("foldhash", "the hasher of each hashbrown"),
    ("futures-lite", "1: task-exec-queue, of rmqtt"),
    ("getrandom", "0.2: ring, which is the newest; 0.3: governor, of rmqtt"),
    ("hashbrown", "0.14 to 0.16: dashmap, dequemap and governor, of rmqtt"),
    ("itertools", "0.13: criterion, for measuring; 0.14: rmqtt"),
    ("r-efi", "of each getrandom, on UEFI only"),
    ("rand", "0.8: mpsc, 0.9: governor and rmqtt"),
    ("rand_chacha", "of each rand"),
    ("rand_core", "of each rand"),
    ("rustls-webpki", "0.102: rumqttc names it in a type of error; rustls verifies with 0.103"),
    ("socket2", "0.5: rmqtt-net"),
    ("syn", "while compiling only; 1: snafu, of rmqtt, 2: actix_derive and tracing-attributes"),
    ("thiserror", "1: rmqtt"),
    ("thiserror-impl", "of each thiserror"),
    ("windows-sys", "0.52: ring, on Windows only"),
];

/// The same of the service alone, which is what a hospital runs.
const SEVERAL_VERSIONS_OF_THE_SERVICE: [&str; 3] = ["getrandom", "rustls-webpki", "syn"];

/// What cargo knows of everything that is built in on this machine.
fn metadata(flags: &[&str]) -> Value {
    let host = Command::new(rustc()).arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .args(flags)
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    serde_json::from_slice(&cargo.stdout).unwrap()
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// Name and version of every package that cargo would build.
fn built_in(metadata: &Value) -> Vec<&Value> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let ids: BTreeSet<_> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.filter(|package| ids.contains(package["id"].as_str().unwrap())).collect()
}

fn several_versions<'a>(packages: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, version) in packages {
        versions.entry(name).or_default().insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let words = |(name, versions): (&&str, &BTreeSet<&str>)| {
        format!("{name}: {}", versions.iter().copied().collect::<Vec<_>>().join(", "))
    };
    versions.iter().map(words).collect()
}

/// Whether one may do as this expression says with [`LICENCES`] alone.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ( ").replace("  ", " ");
    // A bracket is a group of alternatives; on the outside stand groups joined by AND.
    expression.split(" AND ").all(|all| {
        all.split(" OR ")
            .any(|one| LICENCES.contains(&one.trim_matches(|c| c == ' ' || c == '(' || c == ')')))
    })
}

#[test]
fn everything_built_in_may_be_used_and_passed_on() {
    let metadata = metadata(&[]);
    let packages = built_in(&metadata);
    assert!(packages.len() > 150, "{}", packages.len());
    let found = packages.iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or("none");
        (!allowed(licence)).then(|| format!("{}: {licence}", package["name"]))
    });
    nowhere(found.collect(), "a licence that is not on the list is read first, then put there");
}

#[test]
fn a_licence_is_read_as_its_expression_says() {
    for fine in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(allowed(fine), "{fine}");
    }
    for foreign in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-2.0 OR GPL-3.0) AND MIT", "none"] {
        assert!(!allowed(foreign), "{foreign}");
    }
}

#[test]
fn everything_comes_from_the_package_registry() {
    let lock = std::fs::read_to_string(format!("{ROOT}/Cargo.lock")).unwrap();
    let sources: BTreeSet<_> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("\"registry+")), "{sources:?}");
    let packages = lock.matches("\n[[package]]").count();
    let ours = ["wardwatch", "wardwatch-actors"];
    let sourced = lock.matches("\nsource = ").count();
    assert_eq!(packages, sourced + ours.len(), "only {ours:?} come from here");
}

#[test]
fn a_package_is_there_once_or_has_its_reason() {
    let lock = std::fs::read_to_string(format!("{ROOT}/Cargo.lock")).unwrap();
    let values = |key: &str| -> Vec<String> {
        let prefix = format!("{key} = \"");
        let value = |line: &str| line.strip_prefix(&prefix)?.strip_suffix('"').map(str::to_owned);
        lock.lines().skip_while(|line| *line != "[[package]]").filter_map(value).collect()
    };
    let (names, versions) = (values("name"), values("version"));
    let packages = names.iter().map(String::as_str).zip(versions.iter().map(String::as_str));
    let why = "two versions are built, audited and mended twice";
    only_where_excepted(&several_versions(packages), &SEVERAL_VERSIONS, why);
}

#[test]
fn the_service_alone_has_no_broker_in_it() {
    let metadata = metadata(&["--no-default-features"]);
    let packages = built_in(&metadata);
    let named = packages.iter().map(|p| (p["name"].as_str().unwrap(), p["version"].as_str().unwrap()));
    let broker: Vec<_> = named.clone().filter(|(name, _)| name.starts_with("rmqtt")).collect();
    assert!(broker.is_empty(), "{broker:?}");
    let found = several_versions(named);
    let excepted = SEVERAL_VERSIONS_OF_THE_SERVICE.map(|name| (name, "see above"));
    only_where_excepted(&found, &excepted, "two versions are built, audited and mended twice");
}
