//! The two languages of everything a person reads: pages, charts, bulletins.
//!
//! Chinese is the language of the house; English is chosen by asking for it. Nothing remembers the choice.

/// A language of the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The short key used in addresses and on the command line.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The tag for the `lang` attribute of a page.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// From the short key; `None` for anything else.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Zh, Self::En]
            .into_iter()
            .find(|lang| lang.key() == key)
    }

    /// From the short key, as an option of the command line.
    ///
    /// # Errors
    /// In words, naming the keys.
    pub fn parse(key: &str) -> Result<Self, String> {
        Self::from_key(key).ok_or_else(|| "zh or en is expected".to_owned())
    }

    /// The other language.
    pub const fn other(self) -> Self {
        match self {
            Self::Zh => Self::En,
            Self::En => Self::Zh,
        }
    }

    /// Whichever of the two texts is in this language.
    pub const fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn a_key_names_its_language_and_nothing_else_does() {
        for lang in [Lang::Zh, Lang::En] {
            assert_eq!(Lang::from_key(lang.key()), Some(lang));
            assert_eq!(lang.other().other(), lang);
        }
        for junk in ["", "ZH", "zh-CN", "fr"] {
            assert_eq!(Lang::from_key(junk), None, "{junk:?}");
        }
    }
}
