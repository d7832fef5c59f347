//! Topics with a place for the identifier: `tele/{id}/SENSOR`, `v3/+/devices/{id}/up`.

/// Longest pattern, in bytes.
const BYTES_MAX: usize = 512;
/// The level that is the identifier.
const ID: &str = "{id}";

/// A topic of which one level may be the identifier, and others may be anything (`+`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    /// Checks the text.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let levels: Vec<&str> = text.split('/').collect();
        let ids = levels.iter().filter(|level| **level == ID).count();
        let sound = |level: &&str| {
            let plain = !level.contains(['+', '#', '{', '}', '\0', '$']);
            !level.is_empty() && (plain || *level == ID || *level == "+")
        };
        match text.len() <= BYTES_MAX && ids <= 1 && levels.iter().all(sound) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "topic {text:?}; give levels such as tele/{{id}}/SENSOR, of which one may be {{id}} and others +"
            )),
        }
    }

    /// Whether it has a place for the identifier.
    pub(super) fn has_id(&self) -> bool {
        self.0.split('/').any(|level| level == ID)
    }

    /// The filter of MQTT.
    pub(super) fn filter(&self) -> String {
        self.0.replace(ID, "+")
    }

    /// The topic of an identifier, where everything else is fixed.
    pub(super) fn with(&self, id: &str) -> Option<String> {
        let fixed = self.has_id() && !self.0.split('/').any(|level| level == "+");
        (fixed && !id.contains('/')).then(|| self.0.replace(ID, id))
    }

    /// Whether a topic is of this pattern; the identifier in it, empty without a place for it.
    pub(super) fn id_in<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let mut id = "";
        let mut own = self.0.split('/');
        for level in topic.split('/') {
            match own.next()? {
                ID => id = level,
                "+" => {}
                fixed if fixed == level => {}
                _ => return None,
            }
        }
        own.next().is_none().then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_tells_whose_it_is() {
        for (pattern, topic, expected) in [
            ("tele/{id}/SENSOR", "tele/a/SENSOR", Some("a")),
            ("tele/{id}/SENSOR", "tele/a/STATE", None),
            ("tele/{id}/SENSOR", "tele/a/SENSOR/x", None),
            ("tele/{id}/SENSOR", "tele/a", None),
            ("v3/+/devices/{id}/up", "v3/app@x/devices/d1/up", Some("d1")),
            ("all", "all", Some("")),
        ] {
            let own = Pattern::new(pattern).expect("sound");
            assert_eq!(own.id_in(topic), expected, "{pattern} {topic}");
        }
        for bad in [
            "",
            "a//b",
            "a/#",
            "a/x+",
            "{id}/{id}",
            "a/{mn}",
            "$SYS/{id}",
            "/a",
        ] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
        let own = |text: &str| Pattern::new(text).expect("sound");
        assert_eq!(
            own("tele/{id}/SENSOR").with("a").as_deref(),
            Some("tele/a/SENSOR")
        );
        assert_eq!(own("v3/+/{id}").with("a"), None);
        assert_eq!(own("v3/+/{id}").filter(), "v3/+/+");
    }
}
