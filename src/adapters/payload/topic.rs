//! Which topics take readings, and whose they are.

use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;

/// The prefix of every topic unless configured.
pub const PREFIX: &str = "skytier/v1";
/// Longest prefix, in bytes.
pub const PREFIX_BYTES_MAX: usize = 128;

/// The topics under one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
}

/// The prefix cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "topic prefix {text:?}; give levels such as `skytier/v1`, without wildcards or outer slashes"
)]
pub struct PrefixFault {
    /// What was given.
    pub text: String,
}

/// What a topic of a source is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Readings in JSON.
    Readings,
    /// `online` or `offline`.
    Status,
    /// One frame of HJ 212.
    Hj212,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 3] = [Self::Readings, Self::Status, Self::Hj212];

    /// The topic level.
    pub const fn level(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Status => "status",
            Self::Hj212 => "hj212",
        }
    }
}

/// Whose topic it is and what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Station or logger.
    pub kind: SourceKind,
    /// Its identifier.
    pub source: SourceId,
    /// What is published there.
    pub channel: Channel,
}

impl Target {
    /// Whose topic it is.
    pub fn sender(&self) -> Source {
        Source {
            kind: self.kind,
            id: self.source.clone(),
        }
    }
}

/// The source in a topic of ours, under whatever prefix.
pub fn sender(topic: &str) -> Option<Source> {
    let (start, _) = topic.rsplit_once('/')?;
    let at = start.rmatch_indices('/').nth(1);
    Source::parse(&start[at.map_or(0, |(at, _)| at + 1)..]).ok()
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            prefix: PREFIX.to_owned(),
        }
    }
}

impl Topics {
    /// The topics under `prefix`.
    ///
    /// # Errors
    /// [`PrefixFault`] when it is empty, too long, starts or ends with a slash or holds a wildcard.
    pub fn new(prefix: &str) -> Result<Self, PrefixFault> {
        let sound = (1..=PREFIX_BYTES_MAX).contains(&prefix.len())
            && !prefix.starts_with(['/', '$'])
            && !prefix.ends_with('/')
            && !prefix
                .chars()
                .any(|c| matches!(c, '+' | '#') || c.is_control());
        if !sound {
            return Err(PrefixFault {
                text: prefix.chars().take(40).collect(),
            });
        }
        Ok(Self {
            prefix: prefix.to_owned(),
        })
    }

    /// Reads a topic; `None` when it takes no readings, so that the message must be refused.
    pub fn target(&self, topic: &str) -> Option<Target> {
        let rest = topic.strip_prefix(&self.prefix)?.strip_prefix('/')?;
        let mut levels = rest.split('/');
        let (kind, source, channel) = (levels.next()?, levels.next()?, levels.next()?);
        if levels.next().is_some() {
            return None;
        }
        Some(Target {
            kind: SourceKind::from_level(kind)?,
            source: SourceId::new(source).ok()?,
            channel: Channel::ALL
                .into_iter()
                .find(|known| known.level() == channel)?,
        })
    }

    /// What all topics of a source start with.
    pub fn start(&self, source: &Source) -> String {
        format!("{}/{source}/", self.prefix)
    }

    /// The topic a source publishes on.
    pub fn topic(&self, target: &Target) -> String {
        let (kind, channel) = (target.kind.level(), target.channel.level());
        format!("{}/{kind}/{}/{channel}", self.prefix, target.source)
    }

    /// The filters that together match exactly the topics [`Self::target`] reads, each with its channel.
    pub fn filters(&self) -> Vec<(Channel, String)> {
        let prefix = &self.prefix;
        SourceKind::ALL
            .into_iter()
            .flat_map(|kind| Channel::ALL.map(|channel| (kind.level(), channel)))
            .map(|(kind, channel)| (channel, format!("{prefix}/{kind}/+/{}", channel.level())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: &str, expected: Option<(SourceKind, &str, Channel)>) {
        let found = Topics::default().target(topic);
        let found = found
            .as_ref()
            .map(|target| (target.kind, target.source.as_str(), target.channel));
        assert_eq!(found, expected, "{topic}");
    }

    #[test]
    fn a_topic_names_its_source_under_any_prefix() {
        for (topic, expected) in [
            ("skytier/v1/stations/Dongsi/hj212", Some("stations/Dongsi")),
            ("a/loggers/M1/hj212", Some("loggers/M1")),
            ("loggers/M1/hj212", Some("loggers/M1")),
            ("a/outlets/M1/hj212", None),
            ("M1/hj212", None),
            ("", None),
        ] {
            let found = sender(topic).map(|source| source.to_string());
            assert_eq!(found.as_deref(), expected, "{topic}");
        }
    }

    #[test]
    fn only_topics_of_sources_are_read() {
        use Channel::Readings;
        use Channel::Status;
        use SourceKind::Logger;
        use SourceKind::Station;
        check(
            "skytier/v1/stations/Dongsi/readings",
            Some((Station, "Dongsi", Readings)),
        );
        check(
            "skytier/v1/stations/虹桥邮政/status",
            Some((Station, "虹桥邮政", Status)),
        );
        check(
            "skytier/v1/loggers/010000A8/hj212",
            Some((Logger, "010000A8", Channel::Hj212)),
        );
        check(
            "skytier/v1/loggers/010000A8/readings",
            Some((Logger, "010000A8", Readings)),
        );
        for other in [
            "",
            "skytier/v1",
            "skytier/v1/stations/Dongsi",
            "skytier/v1/stations//readings",
            "skytier/v1/stations/Dongsi/readings/",
            "skytier/v1/stations/Dongsi/readings/more",
            "skytier/v1/outlets/Dongsi/readings",
            "skytier/v1/stations/Dongsi/secrets",
            "skytier/v1/stations/Dong si/readings",
            "skytier/v10/stations/Dongsi/readings",
            "skytier/v2/stations/Dongsi/readings",
            "/skytier/v1/stations/Dongsi/readings",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn topic_and_target_are_inverse_under_any_prefix() {
        for prefix in [PREFIX, "a", "city/air"] {
            let topics = Topics::new(prefix).expect("a sound prefix");
            let target = Target {
                kind: SourceKind::Logger,
                source: SourceId::new("MN1").expect("a sound id"),
                channel: Channel::Status,
            };
            assert_eq!(topics.target(&topics.topic(&target)), Some(target));
            assert_eq!(topics.filters().len(), 6);
        }
        for bad in ["", "/a", "a/", "a/+/b", "#", "$share/g", "a\nb"] {
            assert!(Topics::new(bad).is_err(), "{bad:?}");
        }
    }
}
