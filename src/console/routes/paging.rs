//! Which page of a list a request wants, the same for all lists.

use crate::console::problem::Problem;
use crate::plugs::call::Page;
use serde::Deserialize;

/// The parameters of a list that has no others.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Paging {
    /// Rows of a page, 100 unless it is said, 500 at most.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    pub(in crate::console) fn page(&self) -> Result<Page, Problem> {
        Page::parse(self.limit.as_deref(), self.cursor.as_deref()).map_err(Problem::bad_request)
    }
}
