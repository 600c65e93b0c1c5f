//! The form of one setting: its name, what it means, which values it has, and how it is set.

use super::Config;
use guildhall_sandbox::Limit;

/// The largest value of numbers that no other bound has: all of them fit into signed numbers and into times.
pub const HUGE: u64 = 1 << 53;

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The name, with one dot: the table and the key of a file.
    pub name: &'static str,
    /// What it means, for people.
    pub about: String,
    /// The value unless something sets another one, as a text.
    pub default: String,
    pub(super) kind: Kind,
    /// When a change takes effect.
    pub reload: Reload,
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// When the host reads its configuration again (SIGHUP).
    Now,
    /// When the host starts.
    Restart,
}

/// Which values a setting has, and how one is set.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Number {
        least: u64,
        most: u64,
        set: fn(&mut Config, u64),
    },
    /// A limit of the sandbox.
    Limit {
        limit: Limit,
        least: u64,
    },
    Flag(fn(&mut Config, bool)),
    Choice {
        of: &'static [&'static str],
        set: Read,
    },
    /// A text.
    Text(Read),
    /// Texts with commas between them.
    List(Read),
    /// A grant of the policy; whether it is true or false.
    Policy {
        is_flag: bool,
        is_list: bool,
    },
}

/// Reads a value and sets it. The error says what would be right, without the name.
pub(super) type Read = fn(&mut Config, &str) -> Result<(), String>;

impl Setting {
    /// Sets a value.
    ///
    /// # Errors
    /// A sentence with the name and what would be right.
    pub fn set(&self, config: &mut Config, value: &str) -> Result<(), String> {
        let name = self.name;
        let named = |wrong: String| format!("`{name}`: {wrong}");
        match &self.kind {
            Kind::Number { least, most, set } => set(config, self.number(value, *least, *most)?),
            Kind::Limit { limit, least } => {
                let value = self.number(value, *least, limit.row().ceiling)?;
                config.ceilings = std::mem::take(&mut config.ceilings).with(*limit, value);
            }
            Kind::Flag(set) => match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => set(config, true),
                "false" | "0" | "no" | "off" => set(config, false),
                _ => return Err(format!("`{name}` is true or false, not `{value}`")),
            },
            Kind::Choice { of, set } => {
                let wrong = |_| format!("`{name}` is {}, not `{value}`", or_list(of));
                set(config, value).map_err(wrong)?;
            }
            Kind::Text(set) | Kind::List(set) => set(config, value).map_err(named)?,
            Kind::Policy { .. } => config.policy.set(name, value)?,
        }
        Ok(())
    }

    fn number(&self, value: &str, least: u64, most: u64) -> Result<u64, String> {
        let name = self.name;
        let number: u64 = match value.parse() {
            Ok(number) => number,
            Err(_) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => u64::MAX,
            Err(_) => return Err(format!("`{name}` is a whole number, not `{value}`")),
        };
        match number {
            number if (least..=most).contains(&number) => Ok(number),
            _ if most == HUGE && number < least => Err(format!("`{name}` is {value} and may be {least} or more")),
            _ if least == 0 => Err(format!("`{name}` is {value} and may be at most {most}")),
            _ => Err(format!("`{name}` is {value} and may be {least} to {most}")),
        }
    }

    /// Returns which values it may have, for people.
    #[must_use]
    pub fn values(&self) -> String {
        match &self.kind {
            Kind::Number { least, most: HUGE, .. } => format!("a whole number, {least} or more"),
            Kind::Number { least, most, .. } => format!("a whole number, {least} to {most}"),
            Kind::Limit { limit, least } => format!("a whole number, {least} to {}", limit.row().ceiling),
            Kind::Flag(_) | Kind::Policy { is_flag: true, .. } => "true or false".to_owned(),
            Kind::Choice { of, .. } => or_list(of),
            Kind::Text(_) | Kind::Policy { is_list: false, .. } => "a text".to_owned(),
            Kind::List(_) | Kind::Policy { .. } => "a list of texts".to_owned(),
        }
    }

    /// Returns a value as a file has it.
    #[must_use]
    pub fn in_toml(&self, value: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match &self.kind {
            Kind::Number { .. } | Kind::Limit { .. } | Kind::Flag(_) | Kind::Policy { is_flag: true, .. } => {
                value.to_owned()
            }
            Kind::Choice { .. } | Kind::Text(_) | Kind::Policy { is_list: false, .. } => quoted(value),
            Kind::List(_) | Kind::Policy { .. } => {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(quoted);
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn or_list(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.join(""),
    }
}
