//! Colours, by meaning. AQI levels and credit tiers share three colour words and nothing else, so they are two
//! types, and no drawing function takes a bare colour for either.
//!
//! AQI colours are those of HJ 633, table 2, identical in the 2012 and 2026 editions.

use crate::adapters::lang::Lang;

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// What a stroke, a fill or a word is for. A page may recolour these by class for its dark mode; level and tier
/// colours stay as prescribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Ink,
    Muted,
    Grid,
    Faint,
    Surface,
    Series,
    Limit,
    Target,
    /// A further series, 0 to 3.
    Line(u8),
    Level(AqiLevel),
    OnLevel(AqiLevel),
    Tier(CreditTier),
    OnTier(CreditTier),
}

impl Paint {
    /// Those a page may recolour, with the class they are drawn under.
    pub(super) const ROLES: [(Self, &'static str); 12] = [
        (Self::Ink, "ink"),
        (Self::Muted, "muted"),
        (Self::Grid, "grid"),
        (Self::Faint, "faint"),
        (Self::Surface, "surface"),
        (Self::Series, "series"),
        (Self::Limit, "limit"),
        (Self::Target, "target"),
        (Self::Line(0), "line0"),
        (Self::Line(1), "line1"),
        (Self::Line(2), "line2"),
        (Self::Line(3), "line3"),
    ];

    /// The colour on dark paper of those a page may recolour; the others keep theirs.
    const fn on_dark(self) -> Rgb {
        match self {
            Self::Ink => (0xE6, 0xED, 0xF3),
            Self::Muted => (0xA3, 0xB1, 0xBD),
            Self::Grid => (0x33, 0x42, 0x4F),
            Self::Faint => (0x22, 0x30, 0x3B),
            Self::Surface => (0x18, 0x22, 0x2B),
            Self::Series => (0x53, 0xB1, 0xDC),
            Self::Limit => (0xFF, 0x8F, 0x86),
            Self::Target => (0xC6, 0xA5, 0xF2),
            Self::Line(0) => (0xF2, 0xA6, 0x5A),
            Self::Line(1) => (0x9F, 0xD0, 0x68),
            Self::Line(2) => (0xE2, 0xA5, 0xEE),
            Self::Line(_) => (0xBC, 0xC4, 0xCB),
            other => other.rgb(),
        }
    }

    pub(super) const fn rgb(self) -> Rgb {
        match self {
            Self::Ink => (0x17, 0x22, 0x2C),
            Self::Muted => (0x52, 0x61, 0x6F),
            Self::Grid => (0xD5, 0xDD, 0xE4),
            Self::Faint => (0xEE, 0xF2, 0xF5),
            Self::Surface => (0xFF, 0xFF, 0xFF),
            Self::Series => (0x0F, 0x6C, 0x94),
            Self::Limit => (0xB4, 0x23, 0x1C),
            Self::Target => (0x6B, 0x3F, 0xA0),
            Self::Line(0) => (0xB4, 0x56, 0x0A),
            Self::Line(1) => (0x3F, 0x73, 0x1A),
            Self::Line(2) => (0x8A, 0x3F, 0x97),
            Self::Line(_) => (0x5A, 0x5A, 0x5E),
            Self::Level(level) => level.rgb(),
            Self::OnLevel(level) => level.text_rgb(),
            Self::Tier(tier) => tier.rgb(),
            Self::OnTier(tier) => tier.text_rgb(),
        }
    }
}

/// What recolours a picture for dark paper, by class, under a selector.
pub(super) fn dark_rules(under: &str) -> String {
    let rules = Paint::ROLES.map(|(paint, class)| {
        let (r, g, b) = paint.on_dark();
        let hex = format!("#{r:02x}{g:02x}{b:02x}");
        format!("{under} .f-{class}{{fill:{hex}}}{under} .s-{class}{{stroke:{hex}}}")
    });
    rules.concat()
}

/// Text on a light colour. One step off the page's own ink, so that recolouring leaves it alone.
const ON_LIGHT: Rgb = (0x14, 0x14, 0x14);
/// Text on a dark colour. One step off white for the same reason.
const ON_DARK: Rgb = (0xFE, 0xFE, 0xFE);

/// One of the six AQI levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AqiLevel {
    /// 优, 0 to 50.
    Excellent,
    /// 良, 51 to 100.
    Good,
    /// 轻度污染, 101 to 150.
    Light,
    /// 中度污染, 151 to 200.
    Moderate,
    /// 重度污染, 201 to 300.
    Heavy,
    /// 严重污染, over 300.
    Severe,
}

impl AqiLevel {
    /// All six, from clean to dirty.
    pub const ALL: [Self; 6] = [
        Self::Excellent,
        Self::Good,
        Self::Light,
        Self::Moderate,
        Self::Heavy,
        Self::Severe,
    ];

    /// Level 1 to 6 of the standard.
    pub fn from_number(level: u8) -> Option<Self> {
        let index = usize::from(level).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// 1 to 6.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The prescribed name; the English one is usual, not prescribed.
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Excellent => lang.pick("优", "Excellent"),
            Self::Good => lang.pick("良", "Good"),
            Self::Light => lang.pick("轻度污染", "Lightly polluted"),
            Self::Moderate => lang.pick("中度污染", "Moderately polluted"),
            Self::Heavy => lang.pick("重度污染", "Heavily polluted"),
            Self::Severe => lang.pick("严重污染", "Severely polluted"),
        }
    }

    /// A name short enough for a legend.
    pub const fn short_name(self, lang: Lang) -> &'static str {
        match self {
            Self::Excellent => lang.pick("优", "Excellent"),
            Self::Good => lang.pick("良", "Good"),
            Self::Light => lang.pick("轻度", "Light"),
            Self::Moderate => lang.pick("中度", "Moderate"),
            Self::Heavy => lang.pick("重度", "Heavy"),
            Self::Severe => lang.pick("严重", "Severe"),
        }
    }

    /// The AQI values the level spans, as printed in a legend.
    pub const fn range(self) -> &'static str {
        match self {
            Self::Excellent => "0–50",
            Self::Good => "51–100",
            Self::Light => "101–150",
            Self::Moderate => "151–200",
            Self::Heavy => "201–300",
            Self::Severe => ">300",
        }
    }

    const fn rgb(self) -> Rgb {
        match self {
            Self::Excellent => (0x00, 0xE4, 0x00),
            Self::Good => (0xFF, 0xFF, 0x00),
            Self::Light => (0xFF, 0x7E, 0x00),
            Self::Moderate => (0xFF, 0x00, 0x00),
            Self::Heavy => (0x99, 0x00, 0x4C),
            Self::Severe => (0x7E, 0x00, 0x23),
        }
    }

    const fn text_rgb(self) -> Rgb {
        match self {
            Self::Excellent | Self::Good | Self::Light | Self::Moderate => ON_LIGHT,
            Self::Heavy | Self::Severe => ON_DARK,
        }
    }
}

/// A tier of enterprise credit, as shown; which list it comes from is said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CreditTier {
    /// 绿色.
    Green,
    /// 蓝色.
    Blue,
    /// 黄色.
    Yellow,
    /// 红色.
    Red,
    /// 黑色.
    Black,
    /// 未评级.
    Unrated,
}

impl CreditTier {
    /// All of them, from best to worst, the unrated last.
    pub const ALL: [Self; 6] = [
        Self::Green,
        Self::Blue,
        Self::Yellow,
        Self::Red,
        Self::Black,
        Self::Unrated,
    ];

    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Black => "black",
            Self::Unrated => "unrated",
        }
    }

    /// From the interface text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.key() == key)
    }

    /// The name of the colour.
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Green => lang.pick("绿色", "Green"),
            Self::Blue => lang.pick("蓝色", "Blue"),
            Self::Yellow => lang.pick("黄色", "Yellow"),
            Self::Red => lang.pick("红色", "Red"),
            Self::Black => lang.pick("黑色", "Black"),
            Self::Unrated => lang.pick("未评级", "Unrated"),
        }
    }

    /// One character, for where nothing else fits.
    pub const fn letter(self, lang: Lang) -> &'static str {
        match self {
            Self::Green => lang.pick("绿", "G"),
            Self::Blue => lang.pick("蓝", "B"),
            Self::Yellow => lang.pick("黄", "Y"),
            Self::Red => lang.pick("红", "R"),
            Self::Black => lang.pick("黑", "K"),
            Self::Unrated => lang.pick("未", "–"),
        }
    }

    const fn rgb(self) -> Rgb {
        match self {
            Self::Green => (0x1B, 0x87, 0x3F),
            Self::Blue => (0x1F, 0x6F, 0xC9),
            Self::Yellow => (0xF2, 0xBE, 0x1A),
            Self::Red => (0xC6, 0x28, 0x28),
            Self::Black => (0x20, 0x24, 0x28),
            Self::Unrated => (0x9A, 0xA5, 0xAF),
        }
    }

    const fn text_rgb(self) -> Rgb {
        match self {
            Self::Yellow | Self::Unrated => ON_LIGHT,
            Self::Green | Self::Blue | Self::Red | Self::Black => ON_DARK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AqiLevel;
    use super::CreditTier;
    use super::Paint;
    use super::Rgb;
    use super::dark_rules;

    fn luminance((r, g, b): Rgb) -> f64 {
        let channel = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.03928 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_word_on_a_colour_has_a_contrast_of_four_and_a_half() {
        for level in AqiLevel::ALL {
            let got = contrast(Paint::Level(level).rgb(), Paint::OnLevel(level).rgb());
            assert!(got >= 4.5, "{level:?}: {got:.2}");
        }
        for tier in CreditTier::ALL {
            let got = contrast(Paint::Tier(tier).rgb(), Paint::OnTier(tier).rgb());
            assert!(got >= 4.5, "{tier:?}: {got:.2}");
        }
        for paint in [Paint::Ink, Paint::Muted, Paint::Limit, Paint::Target] {
            let got = contrast(paint.rgb(), Paint::Surface.rgb());
            assert!(got >= 4.5, "{paint:?}: {got:.2}");
        }
    }

    #[test]
    fn the_prescribed_colours_stay_as_prescribed() {
        let hex: Vec<String> = AqiLevel::ALL
            .into_iter()
            .map(|level| {
                let (r, g, b) = Paint::Level(level).rgb();
                format!("#{r:02X}{g:02X}{b:02X}")
            })
            .collect();
        assert_eq!(
            hex,
            [
                "#00E400", "#FFFF00", "#FF7E00", "#FF0000", "#99004C", "#7E0023"
            ]
        );
    }

    #[test]
    fn a_recoloured_paint_shares_its_colour_with_nothing() {
        for (role, _) in Paint::ROLES {
            for level in AqiLevel::ALL {
                assert_ne!(role.rgb(), Paint::Level(level).rgb());
                assert_ne!(role.rgb(), Paint::OnLevel(level).rgb());
            }
            for tier in CreditTier::ALL {
                assert_ne!(role.rgb(), Paint::Tier(tier).rgb());
                assert_ne!(role.rgb(), Paint::OnTier(tier).rgb());
            }
        }
    }

    /// The style sheet recolours pictures within a page, the picture itself where it is an image of its own.
    #[test]
    fn dark_colours_are_those_of_the_style_sheet() {
        let sheet = include_str!("../http/assets/skytier.css");
        let (_, dark) = sheet
            .split_once("prefers-color-scheme: dark")
            .expect("dark colours");
        let (dark, _) = dark.split_once("\n}\n").expect("their end");
        let rules = dark_rules("#x");
        for (paint, class) in Paint::ROLES {
            let name = if class == "grid" { "line" } else { class };
            let (_, rest) = dark.split_once(&format!(" --{name}: ")).expect(name);
            let (colour, _) = rest.split_once(';').expect("its end");
            assert!(
                rules.contains(&format!("#x .f-{class}{{fill:{colour}}}")),
                "{name} {colour}"
            );
            if [Paint::Ink, Paint::Muted, Paint::Limit, Paint::Target].contains(&paint) {
                let got = contrast(paint.on_dark(), Paint::Surface.on_dark());
                assert!(got >= 4.5, "{paint:?}: {got:.2}");
            }
        }
    }

    #[test]
    fn numbers_and_keys_lead_back() {
        for level in AqiLevel::ALL {
            assert_eq!(AqiLevel::from_number(level.number()), Some(level));
        }
        assert_eq!(AqiLevel::from_number(0), None);
        assert_eq!(AqiLevel::from_number(7), None);
        for tier in CreditTier::ALL {
            assert_eq!(CreditTier::from_key(tier.key()), Some(tier));
        }
    }
}
