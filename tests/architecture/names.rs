//! One name, one thing: a type name that stands twice has its reason here.

use std::collections::BTreeMap;

use super::sources::{only_where_excepted, sources_and_unit_tests};

/// Names that several types share, and why that is plain.
const SHARED: [(&str, &str); 1] =
    [("Command", "cli: what somebody types; commands: what somebody asks for on the bus. No file sees both")];

/// The type that a line defines; an alias only where it stands by itself, for a trait's belongs to the trait.
fn defined(line: &str) -> Option<&str> {
    let mut words =
        line.trim_start().split(' ').skip_while(|word| word.starts_with("pub") || word.ends_with(')'));
    let keyword = words.next()?;
    let is_type = ["struct", "enum", "trait"].contains(&keyword);
    let is_alias = keyword == "type" && !line.starts_with(' ');
    let name = words.next().filter(|_| is_type || is_alias)?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let name = &name[..end];
    (name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[test]
fn a_type_name_stands_once_or_has_its_reason() {
    let sources = sources_and_unit_tests();
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in &sources {
        for (number, line) in source.code_and_tests() {
            if let Some(name) = defined(line) {
                places.entry(name).or_default().push(format!("{}:{number}", source.path));
            }
        }
    }
    let twice = places.iter().filter(|(_, places)| places.len() > 1);
    let found: Vec<_> = twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    only_where_excepted(&found, &SHARED, "a name that means two things is looked up twice; give one its own");
}
