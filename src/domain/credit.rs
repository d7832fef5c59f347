//! Enterprise credit.

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditEvent;
