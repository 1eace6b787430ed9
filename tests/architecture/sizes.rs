//! Nothing is longer than one reads at a sitting.

use super::sources::{Source, all, only_where_excepted};

/// No file may be longer, in lines.
const LONGEST_FILE: usize = 400;
/// No function may be longer, in lines; nor may a test, unless it is a table.
const LONGEST_FUNCTION: usize = 40;

/// Files that are still to be divided.
const LONG_FILES: [(&str, &str); 0] = [];
/// Functions that are tables: a row is read by itself.
const LONG_FUNCTIONS: [(&str, &str); 5] = [
    (
        "actors/src/settings/limits.rs limits_that_cannot_be_judged_are_rejected_with_what_is_allowed",
        "what is wrong, and what is said of it",
    ),
    ("tests/attacks/readings.rs plain", "one attack after the other"),
    ("tests/check.rs every_fault_is_reported_at_once_with_its_line", "a file, and what is said of it"),
    ("tests/check.rs without_a_fault_it_says_what_holds_for_whom", "a file, and what is said of it"),
    (
        "tests/command_line/flags.rs what_cannot_be_used_ends_with_two_and_says_why",
        "what is typed, and the answer",
    ),
];

/// The functions of a file with their lengths, as rustfmt sets them: the brace that ends one stands below its beginning.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let code: Vec<_> = source.code_and_tests().collect();
    let mut functions = Vec::new();
    for (at, (first, line)) in code.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        // The brace below its beginning, or the end of what a trait only declares.
        let ends = |line: &str| {
            let rest = line.strip_prefix(indent).map(str::trim_end);
            rest.is_some_and(|rest| rest == "}" || rest.starts_with(')') && rest.ends_with(';'))
        };
        let declared = |line: &str| line.trim_end().ends_with(';');
        let last = match line.trim_end().ends_with('}') || declared(line) {
            true => Some(first),
            false => code[at..].iter().find(|(_, line)| ends(line)).map(|(last, _)| last),
        };
        let last = last.unwrap_or_else(|| panic!("{}:{first}: where does it end?", source.path));
        functions.push((name.to_owned(), last - first + 1));
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let words = line.trim_start().trim_start_matches(|c: char| c.is_ascii_lowercase() || " ()_:".contains(c));
    let before = &line[..line.len() - words.len()];
    // A name is a lower-case word, too: it has been passed over with what stands before it.
    let (qualifiers, rest) = before.split_once("fn ").map(|(q, _)| (q, &line[q.len() + 3..]))?;
    let known = ["pub", "pub(crate)", "pub(super)", "const", "async"];
    let plain = qualifiers.split_whitespace().all(|word| known.contains(&word));
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    plain.then_some(&rest[..end])
}

#[test]
fn a_file_is_short_enough_to_read() {
    let long = all().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", source.path))
    });
    let why = "a file is one thing, read at a sitting; what grows longer is two";
    only_where_excepted(&long.collect::<Vec<_>>(), &LONG_FILES, why);
}

#[test]
fn a_function_is_short_enough_to_read() {
    let long = all().into_iter().flat_map(|source| {
        let long = functions(&source).into_iter().filter(|(_, lines)| *lines > LONGEST_FUNCTION);
        long.map(|(name, lines)| format!("{} {name}: {lines} lines", source.path)).collect::<Vec<_>>()
    });
    let why = "a function is one thought; what grows longer is two";
    only_where_excepted(&long.collect::<Vec<_>>(), &LONG_FUNCTIONS, why);
}

#[test]
fn functions_are_found_and_measured() {
    let text = "//! A file.\n\npub fn short() {}\n\nimpl A {\n    pub(crate) async fn long(\n        &self,\n    ) -> u8 {\n        // why\n        1\n    }\n}\n";
    let source = Source { path: "a.rs".to_owned(), text: text.to_owned() };
    assert_eq!(functions(&source), [("short".to_owned(), 1), ("long".to_owned(), 6)]);
}
