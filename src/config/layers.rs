//! The file, over that the environment, over that the flags: laid over each other by the `config` crate.

use config::builder::{ConfigBuilder, DefaultState};
use config::{ConfigError, Environment, File, FileFormat};

use super::Config;
use super::fault::SettingPlace;
use super::given::{Given, SEPARATOR, VARIABLE_PREFIX};

/// The configuration of a file of this text, under the `given` keys of the environment and the flags.
pub fn of_text(text: &str, given: &[&Given]) -> Result<Config, ConfigError> {
    laid_over(config::Config::builder().add_source(File::from_str(text, FileFormat::Toml)), given)
}

/// The configuration of the `given` keys alone, to judge what can be read of a file that has faults.
pub fn of_keys(given: &[&Given]) -> Result<Config, ConfigError> {
    let in_file = given.iter().filter(|given| given.is_typed());
    let keys: Vec<Given> = in_file.map(|given| (*given).clone()).collect();
    laid_over(config::Config::builder().add_source(keys), given)
}

/// Lays the keys of the environment over the file, and those of the flags over both.
fn laid_over(file: ConfigBuilder<DefaultState>, given: &[&Given]) -> Result<Config, ConfigError> {
    let variables = given.iter().filter(|given| matches!(given.place, SettingPlace::Environment(_)));
    let variable = |given: &&Given| (variable(&given.path), given.value.to_string());
    let environment = Environment::with_prefix(VARIABLE_PREFIX).prefix_separator("").separator(SEPARATOR);
    let mut builder = file.add_source(environment.source(Some(variables.map(variable).collect())));
    for flag in given.iter().filter(|given| matches!(given.place, SettingPlace::Flag(_))) {
        builder = builder.set_override(flag.path.join("."), flag.value.clone())?;
    }
    builder.build()?.try_deserialize()
}

/// The one variable that sets this key, whatever the case in which the site wrote it.
fn variable(path: &[String]) -> String {
    format!("{VARIABLE_PREFIX}{}", path.join(SEPARATOR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::given::Givens;

    const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/wardwatch.toml");

    #[test]
    fn a_file_says_the_same_as_its_keys() {
        let givens = Givens::collect(Some(DEPLOYED.as_ref()), &[], &[]);
        let keys: Vec<_> = givens.all.iter().collect();
        assert_eq!(of_text(&givens.text, &[]).unwrap(), of_keys(&keys).unwrap());
    }

    #[test]
    fn of_two_variables_for_one_key_the_last_in_the_alphabet_counts() {
        let variable = |name: &str, host: &str| (name.to_owned(), format!("mqtt://{host}"));
        let variables =
            [variable("WARDWATCH__mqtt__url", "second"), variable("WARDWATCH__MQTT__URL", "first")];
        let givens = Givens::collect(None, &variables, &[]);
        let keys: Vec<_> = givens.all.iter().collect();
        assert_eq!(of_text("", &keys).unwrap().mqtt.url.host, "second");
    }
}
