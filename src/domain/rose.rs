//! Concentrations by the wind they came with: sixteen directions, and speeds by the forces of GB/T 28591-2012.
//!
//! Only hours with both a concentration and a wind count. Speeds are judged as that standard prints its bounds, to a tenth
//! of a metre a second; force 0, up to 0.2 m/s, is calm and has no direction. Directions are where the wind comes from, in
//! degrees from north by east; each sector reaches 11.25 degrees to either side of its middle. A mean of fewer hours than
//! [`HOURS_MIN`] says more about those hours than about the wind and is not given.

use crate::domain::names::Factor;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// The transmission standard's codes (HJ 212) of the wind's speed in m/s and direction in degrees.
pub const WIND: [&str; 2] = ["a01007", "a01008"];

/// Directions.
pub const SECTORS: usize = 16;
/// Their names, from north by east.
pub const SECTOR_NAMES: [&str; SECTORS] = [
    "N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW",
    "NNW",
];
/// Classes of speed beside calm: forces 1, 2, 3, and 4 or more.
pub const CLASSES: usize = 4;
/// Their bounds in metres a second, as printed.
pub const CLASS_NAMES: [&str; CLASSES] = ["0.3-1.5", "1.6-3.3", "3.4-5.4", ">=5.5"];
/// Hours a mean needs.
pub const HOURS_MIN: u32 = 10;

/// Highest tenths of a metre a second of calm, and of the classes but the last.
const CALM_TENTHS: i64 = 2;
const CLASS_TENTHS: [i64; CLASSES - 1] = [15, 33, 54];
/// Millionths of a degree all round, and of a sector.
const CIRCLE: i64 = 360_000_000;
const SECTOR: i64 = CIRCLE / SECTORS as i64;
/// Greatest speed that is one: instruments of the transmission standard end at 70 m/s.
const SPEED_MAX: i64 = 70_000_000;

/// The factor of a code of [`WIND`].
///
/// # Panics
/// When it is none.
pub fn factor(code: &&str) -> Factor {
    Factor::new(code).expect("a code of the transmission standard")
}

/// The middle of a direction by its name, in degrees.
pub fn direction(name: &str) -> Option<Amount> {
    let sector = SECTOR_NAMES.iter().position(|own| *own == name)?;
    Some(Amount::from_micros(SECTOR * i64::try_from(sector).ok()?))
}

/// The wind of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wind {
    /// Too weak for a direction.
    Calm,
    /// From a sector, in a class of speed.
    From {
        /// Sector, 0 is north.
        sector: usize,
        /// Class, 0 the weakest.
        class: usize,
    },
}

impl Wind {
    /// From a speed in metres a second and a direction in degrees; `None` when either is out of range. A calm needs no
    /// direction.
    pub fn of(speed: Amount, direction: Option<Amount>) -> Option<Self> {
        if speed.is_negative() || speed.micros() > SPEED_MAX {
            return None;
        }
        let tenths = i64::try_from(Exact::amount(speed).round(1).scaled()).ok()?;
        if tenths <= CALM_TENTHS {
            return Some(Self::Calm);
        }
        let direction = direction?.micros();
        if !(0..=CIRCLE).contains(&direction) {
            return None;
        }
        let sector = (direction + SECTOR / 2) / SECTOR;
        Some(Self::From {
            sector: usize::try_from(sector).ok()? % SECTORS,
            class: CLASS_TENTHS.iter().filter(|top| tenths > **top).count(),
        })
    }
}

/// Hours of one kind of wind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many.
    pub hours: u32,
    sum: Exact,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            hours: 0,
            sum: Exact::zero(),
        }
    }
}

impl Cell {
    fn add(&mut self, value: &Exact) {
        self.hours += 1;
        self.sum = self.sum.plus(value);
    }

    /// Their mean concentration; `None` of fewer than [`HOURS_MIN`].
    pub fn mean(&self) -> Option<Exact> {
        let enough = self.hours >= HOURS_MIN;
        enough
            .then(|| self.sum.over(&Exact::whole(i64::from(self.hours))))
            .flatten()
    }

    /// Their share of so many hours, in percent.
    pub fn share(&self, of: u32) -> Option<Exact> {
        let hours = Exact::whole(i64::from(self.hours) * 100);
        hours.over(&Exact::whole(i64::from(of)))
    }
}

/// A pollution rose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rose {
    /// Hours there could have been.
    pub possible: u32,
    /// Hours with a concentration and a wind.
    pub both: Cell,
    /// Those that were calm.
    pub calm: Cell,
    /// The others by direction.
    pub sectors: [Cell; SECTORS],
    /// The same by class of speed within each.
    pub classes: [[Cell; CLASSES]; SECTORS],
}

impl Rose {
    /// Adds an hour.
    pub fn add(&mut self, wind: Wind, value: &Exact) {
        self.both.add(value);
        match wind {
            Wind::Calm => self.calm.add(value),
            Wind::From { sector, class } => {
                self.sectors[sector].add(value);
                self.classes[sector][class].add(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::HOURS_MIN;
    use super::Rose;
    use super::SECTOR_NAMES;
    use super::Wind;
    use super::direction;
    use crate::domain::units::Amount;
    use crate::domain::units::Exact;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).expect("a number")
    }

    #[test]
    fn a_direction_is_the_middle_of_its_sector() {
        for (at, name) in SECTOR_NAMES.iter().enumerate() {
            let wind = Wind::of(Amount::from_units(3), direction(name));
            let expected = Wind::From {
                sector: at,
                class: 1,
            };
            assert_eq!(wind, Some(expected), "{name}");
        }
        assert_eq!(direction("nw"), None);
    }

    #[test]
    fn winds_by_direction_and_force() {
        let check = |speed: &str, direction: Option<&str>, expected: &str| {
            let wind = Wind::of(amount(speed), direction.map(amount));
            let said = match wind {
                None => "none".to_owned(),
                Some(Wind::Calm) => "calm".to_owned(),
                Some(Wind::From { sector, class }) => format!("{} {class}", SECTOR_NAMES[sector]),
            };
            assert_eq!(said, expected, "{speed} {direction:?}");
        };
        check("0", None, "calm");
        check("0.2", Some("90"), "calm");
        check("0.25", Some("90"), "calm");
        check("0.26", Some("90"), "E 0");
        check("0.3", None, "none");
        check("1.5", Some("0"), "N 0");
        check("1.6", Some("360"), "N 1");
        check("3.3", Some("11.249999"), "N 1");
        check("3.4", Some("11.25"), "NNE 2");
        check("5.4", Some("348.749999"), "NNW 2");
        check("5.5", Some("348.75"), "N 3");
        check("70", Some("180"), "S 3");
        check("70.1", Some("180"), "none");
        check("-1", Some("180"), "none");
        check("2", Some("360.1"), "none");
        check("2", Some("-1"), "none");
    }

    #[test]
    fn a_mean_needs_its_hours() {
        let mut rose = Rose::default();
        for hour in 0..HOURS_MIN {
            assert_eq!(rose.calm.mean(), None, "{hour}");
            rose.add(Wind::Calm, &Exact::whole(i64::from(hour)));
        }
        assert_eq!(rose.calm.mean(), Some(Exact::ratio(9, 2)));
        assert_eq!(rose.calm.share(40), Some(Exact::whole(25)));
        assert_eq!(rose.calm.share(0), None);
    }

    proptest! {
        /// Every hour is in one place, whichever wind it had.
        #[test]
        fn hours_add_up(hours in proptest::collection::vec((0i64..12_000_000, 0i64..=360_000_000, 0i64..500), 0..200)) {
            let mut rose = Rose::default();
            for (speed, direction, value) in hours {
                let wind = Wind::of(Amount::from_micros(speed), Some(Amount::from_micros(direction)));
                rose.add(wind.expect("within range"), &Exact::whole(value));
            }
            let sectors: u32 = rose.sectors.iter().map(|own| own.hours).sum();
            let classes: u32 = rose.classes.iter().flatten().map(|own| own.hours).sum();
            prop_assert_eq!(sectors, classes);
            prop_assert_eq!(rose.both.hours, sectors + rose.calm.hours);
            for (sector, classes) in rose.sectors.iter().zip(&rose.classes) {
                let sum = classes.iter().fold(Exact::zero(), |sum, own| sum.plus(&own.sum));
                prop_assert!(sum == sector.sum);
            }
        }
    }
}
