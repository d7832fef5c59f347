//! How an InfluxDB stands, for operators.

/// How the spool and the server stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why the server cannot be used just now.
    pub trouble: Option<String>,
    /// Batches that wait for it.
    pub spooled_batches: u64,
    /// Bytes they take.
    pub spooled_bytes: u64,
}

impl Standing {
    /// What to tell an operator; `None` when all is well.
    pub fn words(&self) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        let (batches, bytes) = (self.spooled_batches, self.spooled_bytes);
        Some(format!(
            "{trouble}; {batches} batches ({bytes} bytes) wait in the spool"
        ))
    }
}
