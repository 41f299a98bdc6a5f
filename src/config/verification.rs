//! The table `[verification]`: how far knowledge is trusted.

use serde::{Deserialize, Serialize};
use sessionmill_verification::confidence::Weights;

/// Settings of the verification processor and of what reads its items.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verification {
    /// What evidence weighs.
    pub confidence: Weights,
}
