//! The keys of HJ 212: how frames are read, and where loggers connect.

use std::time::Duration;

use crate::adapters::payload::hj212::Label;
use crate::adapters::payload::hj212::MINUTES_S;
use crate::adapters::payload::hj212::Reading;
use crate::adapters::payload::hj212::Ways;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::sealed::Key;
use crate::app::config::Settings;
use crate::app::config::Value;
use crate::app::config::apply::address;
use crate::app::config::apply::flag;
use crate::app::config::apply::number;
use crate::app::config::apply::text;
use crate::domain::names::Source;

/// Most sources with ways of their own.
const SOURCES_MAX: usize = 10_000;

/// Sets one key of ours.
pub(super) fn set(settings: &mut Settings, key: &str, value: Value) -> Result<(), String> {
    let (reading, loggers) = (&mut settings.hj212, &mut settings.loggers);
    match key {
        "listen" => {
            let given = text(value)?;
            loggers.listen = (!given.is_empty()).then(|| address(&given)).transpose()?;
        }
        "allow_plain" => loggers.allow_plain = flag(value)?,
        "connections_max" => loggers.connections_max = number(value, 1, 1_000_000)?,
        "idle_s_max" => {
            loggers.idle_max = Duration::from_secs(number(value, 1, 86_400)?);
        }
        "segment_bytes_max" => reading.segment_bytes_max = number(value, 1_024, 9_999)?,
        "crc" => reading.common.crc = variants(&text(value)?)?,
        "minute_interval_s" => {
            reading.common.minute_interval_s = minutes(number(value, 0, 1_800)?)?
        }
        _ if key.starts_with("sources.") => own(reading, &text(value)?)?,
        _ => {
            return Err(
                "unknown key; there are listen, allow_plain, connections_max, idle_s_max, crc, minute_interval_s, \
                        segment_bytes_max and sources"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// What must hold between them.
pub(super) fn check(settings: &Settings, faults: &mut Vec<String>) {
    let loggers = &settings.loggers;
    let exposed = loggers.listen.filter(|listen| !listen.ip().is_loopback());
    if let Some(listen) = exposed.filter(|_| !loggers.allow_plain) {
        faults.push(format!(
            "hj212.listen: {listen} is not a loopback address, and HJ 212 has no TLS: MN, PW and values can be read and \
             changed on the way. Take it through a VPN or a TLS proxy to loopback, or say hj212.allow_plain = true"
        ));
    }
}

/// Names of checks with commas or blanks between them.
fn variants(text: &str) -> Result<Vec<Variant>, String> {
    let names = text.split([',', ' ']).filter(|name| !name.is_empty());
    let read = |name: &str| {
        let variant = Variant::from_key(name);
        variant.ok_or_else(|| format!("{name:?} is not hj, modbus-hi, modbus-lo or none"))
    };
    let found: Vec<Variant> = names.map(read).collect::<Result<_, _>>()?;
    match found.is_empty() {
        true => Err("one check at least is expected, such as \"hj\"".to_owned()),
        false => Ok(found),
    }
}

/// A length of minute records; 0 is none.
fn minutes(seconds: u32) -> Result<Option<u32>, String> {
    match seconds {
        0 => Ok(None),
        _ if MINUTES_S.contains(&seconds) => Ok(Some(seconds)),
        _ => Err(format!(
            "{seconds} is no length of minute records; give one of {}",
            MINUTES_S.map(|one| one.to_string()).join(", ")
        )),
    }
}

/// The key in a file.
fn key(path: &str) -> Result<Key, String> {
    let text = std::fs::read_to_string(path).map_err(|cause| format!("{path}: {cause}"))?;
    let key = Key::parse(text.trim_end_matches(['\r', '\n']));
    key.ok_or_else(|| format!("{path}: sixteen characters or 32 hexadecimal digits are expected"))
}

/// What is said of one source, such as `loggers/MN crc=modbus-hi label=end minute_interval_s=60`.
fn own(reading: &mut Reading, line: &str) -> Result<(), String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let source = Source::parse(name).map_err(|fault| fault.to_string())?;
    let mut ways = Ways {
        crc: Vec::new(),
        ..Ways::default()
    };
    for word in words {
        match word.split_once('=') {
            Some(("crc", given)) => ways.crc = variants(given)?,
            Some(("label", "start")) => ways.label = Label::Start,
            Some(("label", "end")) => ways.label = Label::End,
            Some(("minute_interval_s", given)) => {
                let seconds = given
                    .parse()
                    .map_err(|_| format!("{given:?} is no number of seconds"))?;
                ways.minute_interval_s = minutes(seconds)?;
            }
            Some(("sm4_key_file", path)) => ways.key = Some(key(path)?),
            _ => {
                return Err(format!(
                    "{word:?}; crc=..., label=start, label=end, minute_interval_s=... or sm4_key_file=... is expected"
                ));
            }
        }
    }
    if reading.own.len() == SOURCES_MAX {
        return Err(format!("at most {SOURCES_MAX} sources"));
    }
    match reading.own.insert(source, ways) {
        Some(_) => Err(format!("{name} is given twice")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&str, &str)], expected: Result<&str, &str>) {
        let mut settings = Settings::default();
        let set =
            |(key, text): &(&str, &str)| set(&mut settings, key, Value::Text((*text).to_owned()));
        let told = lines.iter().try_for_each(set);
        let reading = settings.hj212;
        let source = reading.own.keys().next().cloned();
        let source = source.unwrap_or_else(|| Source::parse("loggers/none").expect("a source"));
        let own = reading.own.get(&source).unwrap_or(&reading.common);
        let crc = reading.crc(&source).iter().map(|one| one.key());
        let crc = crc.collect::<Vec<_>>().join("+");
        let found = told.map(|()| format!("{crc} {:?} {:?}", own.label, own.minute_interval_s));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{lines:?}"),
            (Err(told), Err(expected)) => assert!(told.contains(expected), "{lines:?}: {told}"),
            (found, _) => panic!("{lines:?}: {found:?}"),
        }
    }

    #[test]
    fn how_frames_are_read_is_set_for_all_and_for_each() {
        check(&[], Ok("hj Start None"));
        check(&[("crc", "hj, modbus-hi")], Ok("hj+modbus-hi Start None"));
        check(&[("minute_interval_s", "600")], Ok("hj Start Some(600)"));
        check(
            &[
                ("crc", "none"),
                ("minute_interval_s", "600"),
                ("sources.0", "loggers/M1 label=end"),
            ],
            Ok("none End None"),
        );
        check(
            &[("sources.0", "stations/S crc=modbus-lo minute_interval_s=60")],
            Ok("modbus-lo Start Some(60)"),
        );
        check(&[("crc", "crc32")], Err("\"crc32\" is not hj"));
        check(&[("crc", " ")], Err("one check at least"));
        check(
            &[("minute_interval_s", "61")],
            Err("61 is no length of minute records; give one of 60,"),
        );
        check(&[("minute_interval_s", "soon")], Err("0 to 1800"));
        check(&[("segment_bytes_max", "10000")], Err("1024 to 9999"));
        check(
            &[("sources.0", "M1 crc=hj")],
            Err("`stations/ID` or `loggers/MN`"),
        );
        check(
            &[("sources.0", "loggers/M1 label=middle")],
            Err("\"label=middle\"; crc="),
        );
        check(
            &[("sources.0", "loggers/M1"), ("sources.1", "loggers/M1")],
            Err("loggers/M1 is given twice"),
        );
        check(
            &[("sources.0", "loggers/M1 sm4_key_file=nowhere")],
            Err("nowhere: "),
        );
        check(&[("surprise", "1")], Err("unknown key"));
    }
}
