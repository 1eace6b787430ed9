//! What is deployed beside the program: the container's files as far as they can be tried without an engine, the
//! unit, and the package's list.

#[path = "support/mosquitto.rs"]
mod mosquitto;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use mosquitto::until;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn deployed(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("deploy").join(name)).expect("a file that is deployed")
}

/// A folder in which `wardwatch` is a program that does this.
fn stand_in(name: &str, script: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("entrypoint-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("wardwatch");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    folder
}

/// The container's entrypoint, with this stand-in for WardWatch.
fn enter(name: &str, script: &str) -> (PathBuf, Child) {
    let folder = stand_in(name, script);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let entry = Command::new(Path::new(ROOT).join("deploy/entrypoint.sh"))
        .args(["run", "--config", "a file"])
        .env("PATH", path)
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    (folder, entry.expect("the entrypoint"))
}

fn ended(child: Child) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = child.wait_with_output().expect("an end");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned())
}

#[test]
fn the_entrypoint_hands_on_arguments_and_statuses_and_ends_75_as_0() {
    for (status, expected) in [(0, 0), (2, 2), (3, 3), (70, 70), (73, 73), (75, 0), (137, 137)] {
        let (folder, child) = enter(&format!("status-{status}"), &format!("echo \"$#:$3\"; exit {status}"));
        assert_eq!(ended(child), (Some(expected), "3:a file\n".to_owned()));
        let _ = fs::remove_dir_all(folder);
    }
}

#[tokio::test]
async fn the_entrypoint_waits_for_a_service_that_drains() {
    let drains = "trap 'echo asked; echo done; exit 0' TERM; touch ready; while :; do sleep 0.05; done";
    let (folder, child) = enter("drains", drains);
    until("the stand-in runs", || folder.join("ready").exists()).await;
    let sent = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
    assert!(sent.expect("kill").success());
    assert_eq!(ended(child), (Some(0), "asked\ndone\n".to_owned()));
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn what_the_image_copies_and_calls_is_there() {
    let image = deployed("Dockerfile");
    let ignored: Vec<_> = fs::read_to_string(Path::new(ROOT).join("deploy/Dockerfile.dockerignore"))
        .expect("what is left out")
        .lines()
        .map(str::to_owned)
        .collect();
    let copied =
        image.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--"));
    let mut files = 0;
    for source in copied.map(|line| line.split(' ').next().expect("a source")) {
        assert!(Path::new(ROOT).join(source).exists(), "{source}");
        assert!(!ignored.iter().any(|left_out| left_out == source), "{source} is left out");
        files += 1;
    }
    assert_eq!(files, 3, "sources, entrypoint and settings");
    for command in ["\"run\", \"--config\"", "\"health\", \"--config\""] {
        assert!(image.contains(command), "{command}");
    }
    // It is built as the packages are, and the crate knows the feature that is left out.
    assert!(image.contains("cargo build --release --locked --no-default-features --bin wardwatch"));
    assert!(deployed("compose.yaml").contains("restart: on-failure"));
}

/// Where the package puts a file, from its line `["source", "target", "mode"],` in the manifest.
fn installed(line: &str) -> Option<String> {
    let parts: Vec<_> = line.strip_prefix("    [\"")?.strip_suffix("\"],")?.split("\", \"").collect();
    let [source, target, _] = parts[..] else { return None };
    assert!(source.starts_with("target/") || Path::new(ROOT).join(source).exists(), "{source}");
    let name = source.rsplit('/').next()?;
    Some(if target.ends_with('/') { format!("/{target}{name}") } else { format!("/{target}") })
}

#[test]
fn what_the_package_installs_is_there_and_is_what_the_unit_names() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).expect("the manifest");
    let installed: Vec<_> = manifest.lines().filter_map(installed).collect();
    assert!(installed.len() > 5, "{installed:?}");
    let unit = deployed("wardwatch.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a start");
    for file in start.split(' ').filter(|word| word.starts_with('/')) {
        assert!(installed.iter().any(|path| path == file), "the unit starts {file}, which is not installed");
    }
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).expect("a user");
    assert!(deployed("wardwatch.sysusers").contains(&format!("\nu {user} ")), "{user}");
    let settings = "/etc/wardwatch/wardwatch.toml";
    assert!(installed.iter().any(|path| path == settings));
    assert!(manifest.contains(&format!("conf-files = [\"{settings}\"]")));
    for script in ["postinst", "prerm", "postrm"] {
        let parsed =
            Command::new("sh").arg("-n").arg(Path::new(ROOT).join("deploy/debian").join(script)).status();
        assert!(parsed.expect("a shell").success(), "{script}");
    }
}

#[test]
fn the_unit_is_one_that_systemd_understands() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    // What it starts is not installed here.
    let unit = deployed("wardwatch.service").replace("/usr/bin/wardwatch ", "/bin/true ");
    let file = folder.join("wardwatch.service");
    fs::write(&file, unit).expect("a unit");
    match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let ours: Vec<_> = said.lines().filter(|line| line.contains("wardwatch.service")).collect();
            assert!(verified.status.success() && ours.is_empty(), "{said}");
        }
        Err(_) => println!("there is no systemd-analyze here: the unit was not looked at"),
    }
    let _ = fs::remove_dir_all(folder);
}

/// The sources in which a test may stand, below this folder.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(fs::read_to_string(path).expect("a source"));
        }
    }
}

/// Whether a scenario of this name exists; a `*` at its end stands for anything.
fn is_scenario(name: &str) -> bool {
    let files = fs::read_dir(Path::new(ROOT).join("tests/scenarios")).expect("the scenarios");
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let begin = name.trim_end_matches('*');
    let fits = |file: String| match begin == name {
        true => file == format!("{name}.txt"),
        false => file.starts_with(begin),
    };
    names.into_iter().any(fits)
}

#[test]
fn every_test_that_the_readme_names_as_a_guard_exists() {
    let mut all = Vec::new();
    for folder in ["src", "tests", "actors/src", "actors/tests"] {
        sources(&Path::new(ROOT).join(folder), &mut all);
    }
    let readme = deployed("README.md");
    let rows =
        readme.lines().filter(|line| line.starts_with('|')).skip_while(|line| !line.contains("Tested by"));
    let guards =
        rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit_once('|')).map(|(_, last)| last);
    let mut named = 0;
    for name in guards.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        let exists = match name.contains('/') {
            true => Path::new(ROOT).join(name).exists(),
            false => is_scenario(name) || all.iter().any(|text| text.contains(&format!("fn {name}("))),
        };
        assert!(exists, "deploy/README.md names {name}, which is neither a file, a test nor a scenario");
        named += 1;
    }
    assert!(named > 30, "{named} guards are named");
}
