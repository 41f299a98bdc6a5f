//! Which page of a list a request wants. All lists use the same parameters.

use crate::console::problem::Problem;
use crate::plug::call::Page;
use serde::Deserialize;

/// The parameters of a list without other parameters.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct Paging {
    /// Rows per page: 100 by default, 500 at most.
    pub limit: Option<String>,
    /// `next_cursor` of the previous page.
    pub cursor: Option<String>,
}

impl Paging {
    pub(in crate::console) fn page(&self) -> Result<Page, Problem> {
        Page::parse(self.limit.as_deref(), self.cursor.as_deref()).map_err(Problem::bad_request)
    }
}
