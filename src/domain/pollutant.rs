//! The six basic items of GB 3095 and the averaging periods their limits speak of.

use crate::domain::names::Factor;

/// A basic item of GB 3095, in the order reports list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pollutant {
    /// Fine particles.
    Pm25,
    /// Inhalable particles.
    Pm10,
    /// Sulphur dioxide.
    So2,
    /// Nitrogen dioxide.
    No2,
    /// Carbon monoxide, the one in mg/m3.
    Co,
    /// Ozone.
    O3,
}

impl Pollutant {
    /// All six, in report order.
    pub const ALL: [Self; 6] = [
        Self::Pm25,
        Self::Pm10,
        Self::So2,
        Self::No2,
        Self::Co,
        Self::O3,
    ];

    /// Position in [`Self::ALL`].
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The key used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pm25 => "pm25",
            Self::Pm10 => "pm10",
            Self::So2 => "so2",
            Self::No2 => "no2",
            Self::Co => "co",
            Self::O3 => "o3",
        }
    }

    /// The name as bulletins print it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pm25 => "PM2.5",
            Self::Pm10 => "PM10",
            Self::So2 => "SO2",
            Self::No2 => "NO2",
            Self::Co => "CO",
            Self::O3 => "O3",
        }
    }

    /// The factor code of HJ 212 for ambient air.
    pub const fn hj_code(self) -> &'static str {
        match self {
            Self::Pm25 => "a34004",
            Self::Pm10 => "a34002",
            Self::So2 => "a21026",
            Self::No2 => "a21004",
            Self::Co => "a21005",
            Self::O3 => "a05024",
        }
    }

    /// The unit of its concentrations.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Co => "mg/m3",
            _ => "ug/m3",
        }
    }

    /// From the interface key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|pollutant| pollutant.key() == key)
    }

    /// From the HJ 212 code of ambient air.
    pub fn from_hj_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|pollutant| pollutant.hj_code() == code)
    }

    /// The pollutant's factor.
    pub fn factor(self) -> Factor {
        Factor::new(self.key()).expect("keys are valid factors")
    }
}

/// The averaging period a concentration stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Averaging {
    /// One hour.
    Hour1,
    /// Eight consecutive hours (ozone; its daily maximum is the MDA8).
    Hour8,
    /// The natural day.
    Hour24,
    /// The calendar year.
    Annual,
}

impl Averaging {
    /// The text used in the standards' tables and in configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hour1 => "1h",
            Self::Hour8 => "8h",
            Self::Hour24 => "24h",
            Self::Annual => "annual",
        }
    }

    /// From the table text.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Hour1, Self::Hour8, Self::Hour24, Self::Annual]
            .into_iter()
            .find(|averaging| averaging.key() == key)
    }
}
