//! What people decide about what a processor shows.

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// In the processor's words, such as `approve`.
    pub action: String,
    /// What it is about.
    pub ids: Vec<String>,
    /// The other side of it, where there is one.
    pub into: Option<String>,
    /// Who decides.
    pub by: String,
}

/// What is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub ids: Vec<String>,
    /// Who decides.
    pub by: String,
}
