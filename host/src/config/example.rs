//! The example file: every setting with what it means, which values it has and its default, as comments.

use std::fmt::Write;

use super::setting::Reload;
use super::table::settings;

/// The first lines of the example.
const HEAD: &str = "# Every setting of a host, with its default. `guildhall config example` writes this file.
#
# Save it as guildhall.toml in the working directory of the host, or name it with --config, and remove the `#` before
# what you change. A variable of the environment is stronger than this file, and an option is stronger than both:
# GUILDHALL__LIMITS__FRAME_BYTES and --set limits.frame_bytes=… are `frame_bytes` of the table `limits`.
# `guildhall config check` looks for mistakes, and `guildhall config print` shows what is in effect.
# A setting with (reload) changes without a restart when the host gets SIGHUP.
";

/// The most columns of a comment.
const COLUMNS: usize = 110;

/// Returns the example file.
#[must_use]
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut tables: Vec<&str> = Vec::new();
    for setting in settings() {
        let (table, _) = setting.name.split_once('.').unwrap_or_default();
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for table in tables {
        let _ = write!(text, "\n[{table}]\n");
        for setting in settings() {
            let Some(name) = setting.name.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let reload = if setting.reload == Reload::Now { " (reload)" } else { "" };
            text.push_str(&comment(&format!("{} ({}){reload}", sentence(&setting.about), setting.values())));
            let _ = writeln!(text, "#{name} = {}", setting.in_toml(&setting.default));
        }
    }
    text
}

/// A text that begins with a capital letter, unless it begins with code.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// A text as lines of a comment.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::from("#"));
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::file::parse;
    use super::*;

    #[test]
    fn the_example_is_kept_in_the_documentation() {
        let kept = include_str!("../../../docs/guildhall.example.toml");
        assert!(kept == example(), "run `guildhall config example > docs/guildhall.example.toml`");
    }

    #[test]
    fn the_example_sets_every_setting_to_its_default() {
        let uncommented: Vec<&str> = example_lines()
            .into_iter()
            .filter(|line| !line.starts_with("# "))
            .map(|l| l.trim_start_matches('#'))
            .collect();
        let read = parse("example", &uncommented.join("\n")).unwrap();
        let mut config = Config::default();
        for one in &read {
            config.set(&format!("{}={}", one.name, one.value)).unwrap();
        }
        assert_eq!(read.len(), settings().len());
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    fn example_lines() -> Vec<&'static str> {
        include_str!("../../../docs/guildhall.example.toml").lines().collect()
    }
}
