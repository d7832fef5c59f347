//! The composite index (环境空气质量综合指数) of a period, and which pollutant weighs most in it.
//!
//! Technical rules for ranking cities by air quality (环办〔2014〕64号): a single index is a concentration over
//! its class II limit, the mean over the annual limit for SO2, NO2, PM10 and PM2.5, the percentile over the
//! daily one for CO and O3; the composite is their sum. Published bulletins are reproduced by rounding the
//! concentrations, then each single index to two decimals half to even, then adding. One explanatory note adds
//! unrounded ones instead, so that is an option, as are the weights of the "new algorithm".

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Weighting;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Whether single indices are rounded before they are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Singles {
    /// Each to the edition's decimals, half to even: how bulletins come out.
    #[default]
    Rounded,
    /// Only the sum is rounded.
    Unrounded,
}

impl Singles {
    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Rounded => "rounded",
            Self::Unrounded => "unrounded",
        }
    }

    /// From the interface word.
    ///
    /// # Errors
    /// Naming the words there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Rounded, Self::Unrounded].into_iter();
        let found = all.into_iter().find(|own| own.key() == text);
        found.ok_or_else(|| format!("{text:?} is not rounded or unrounded"))
    }
}

/// Which of an edition's weights count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// One each.
    #[default]
    Equal,
    /// Those of the "new algorithm"; not every edition has them.
    Weighted,
}

impl Weights {
    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Weighted => "weighted",
        }
    }

    /// From the interface word.
    ///
    /// # Errors
    /// Naming the words there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Equal, Self::Weighted].into_iter();
        let found = all.into_iter().find(|own| own.key() == text);
        found.ok_or_else(|| format!("{text:?} is not equal or weighted"))
    }
}

/// How a composite index is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompositeOptions {
    /// Rounding of the single indices.
    pub singles: Singles,
    /// Weights.
    pub weights: Weights,
}

/// The composite index of a period with what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeIndex {
    /// The index; `None` when a concentration is missing.
    pub value: Option<Decimal>,
    /// Concentration over limit by pollutant, without its weight, as printed.
    pub singles: [Option<Decimal>; 6],
    /// Main pollutants of the period: the largest single index, all of them at a tie; none when one is missing.
    pub main: Vec<Pollutant>,
    /// Why there is no index.
    pub void_reason: Option<String>,
    /// How it was computed.
    pub options: CompositeOptions,
}

/// Whether a period's figure of the pollutant is its percentile (CO, O3), not its mean.
pub const fn by_percentile(pollutant: Pollutant) -> bool {
    matches!(pollutant, Pollutant::Co | Pollutant::O3)
}

/// The composite index from a period's concentrations in report order: means, but percentiles for CO and O3,
/// each rounded as the edition judges.
pub fn composite_index(
    edition: &Edition,
    options: CompositeOptions,
    concentrations: &[Option<Decimal>; 6],
) -> CompositeIndex {
    let mut index = CompositeIndex {
        value: None,
        singles: [None; 6],
        main: Vec::new(),
        void_reason: None,
        options,
    };
    let weighting = edition
        .composite
        .as_ref()
        .and_then(|own| match options.weights {
            Weights::Equal => Some(&own.equal),
            Weights::Weighted => own.weighted.as_ref(),
        });
    let Some(weighting) = weighting else {
        let (id, weights) = (&edition.id, options.weights.key());
        index.void_reason = Some(format!(
            "edition {id} has no composite index of {weights} weights"
        ));
        return index;
    };
    let single = |pollutant: Pollutant| {
        let value = concentrations[pollutant.index()]?.exact();
        value.over(&limit(edition, pollutant)?)
    };
    let exact = Pollutant::ALL.map(single);
    let rounded = |single: &Exact| single.round(weighting.decimals);
    index.singles = std::array::from_fn(|at| exact[at].as_ref().map(rounded));
    let missing = Pollutant::ALL
        .into_iter()
        .filter(|pollutant| exact[pollutant.index()].is_none());
    let missing: Vec<&str> = missing.map(Pollutant::key).collect();
    if !missing.is_empty() {
        index.void_reason = Some(format!("no figure of {}", missing.join(", ")));
        return index;
    }
    let counted = exact.iter().flatten().map(|single| match options.singles {
        Singles::Rounded => rounded(single).exact(),
        Singles::Unrounded => single.clone(),
    });
    let counted: Vec<Exact> = counted.collect();
    index.value = Some(sum(weighting, &counted));
    let largest = counted.iter().max();
    index.main = Pollutant::ALL
        .into_iter()
        .filter(|pollutant| Some(&counted[pollutant.index()]) == largest)
        .collect();
    index
}

fn sum(weighting: &Weighting, singles: &[Exact]) -> Decimal {
    let weighted = singles.iter().zip(weighting.weights);
    let weighted = weighted.map(|(single, weight)| single.times(&Exact::whole(weight)));
    let sum = weighted.fold(Exact::zero(), |sum, single| sum.plus(&single));
    sum.round(weighting.decimals)
}

/// The class II limit a single index divides by.
fn limit(edition: &Edition, pollutant: Pollutant) -> Option<Exact> {
    let averaging = match pollutant {
        Pollutant::Co => Averaging::Hour24,
        Pollutant::O3 => Averaging::Hour8,
        _ => Averaging::Annual,
    };
    edition.class_2(pollutant, averaging).map(Exact::amount)
}
