//! Repeatable noise in whole numbers: the same seed gives the same readings on every machine.
//!
//! SplitMix64 for the draws, first-order autoregression for weather that lasts. No floats.

/// A stream of draws.
pub(super) struct Noise(u64);

impl Noise {
    /// A stream of its own per seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number from `0` up to, not including, `end`.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        assert!(end > 0, "a draw needs a range");
        let draw = self.next() % end.unsigned_abs();
        i64::try_from(draw).expect("below a positive i64")
    }

    /// About normal around 0, within -1000..=1000: four even draws added up.
    fn bell(&mut self) -> i64 {
        (0..4).map(|_| self.below(501) - 250).sum()
    }

    /// A series of `length` values around 0, each keeping `memory` thousandths of the one before.
    pub(super) fn series(&mut self, length: usize, memory: i64) -> Vec<i64> {
        let mut level = self.bell();
        let mut series = Vec::with_capacity(length);
        for _ in 0..length {
            series.push(level);
            level = level * memory / 1_000 + self.bell();
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream() {
        // Reference values of SplitMix64 for seed 1234567.
        let mut noise = Noise::new(1_234_567);
        let draws = [noise.next(), noise.next(), noise.next()];
        assert_eq!(
            draws,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn series_stay_bounded_and_remember() {
        let series = Noise::new(7).series(2_000, 700);
        assert!(series.iter().all(|value| value.abs() <= 3_334));
        let mean = series.iter().sum::<i64>() / 2_000;
        assert!(mean.abs() < 100, "{mean}");
        let product = |lag: usize| -> i64 { series.windows(lag + 1).map(|w| w[0] * w[lag]).sum() };
        assert!(
            product(1) * 2 > product(0),
            "neighbours resemble each other"
        );
    }
}
