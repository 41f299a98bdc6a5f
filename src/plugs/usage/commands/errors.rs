//! `sessionmill report errors`: what failed, and what is wrong with the data.

use super::scope::Scope;
use crate::base::error::{Result, Status, thousands};
use crate::cli::{Context, Form, print, terminal_width};
use crate::plugs::usage::report::errors::{self, Trouble};
use crate::report::csv;
use crate::report::grid::{Field, grid};
use crate::report::render::{self, Format};

/// What failed, and what is wrong with the data
///
/// Failed tool calls, errors of the API, source files that could not be dealt with, malformed
/// lines, types that no rule is known for, output counts that are placeholders, models without a price.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    form: Form,
}

pub(super) fn errors(args: &Args, context: &Context) -> Result<Status> {
    let report = args.scope.report(context)?;
    let troubles = report.read(context, errors::errors)?;
    let rows = |number: fn(i128) -> String| {
        let row = move |Trouble { kind, what, count, of }: &Trouble| {
            vec![kind.name().to_owned(), what.clone(), number(*count), of.map_or_else(String::new, number)]
        };
        troubles.iter().map(row)
    };
    print(&match args.form.format() {
        Format::Table if troubles.is_empty() => "nothing to report\n".to_owned(),
        Format::Table => {
            let fields = [Field::name("Kind"), Field::text("What"), Field::name("Count"), Field::name("Of").spare(1)];
            grid(&fields, &rows(thousands).collect::<Vec<_>>(), terminal_width())
        }
        Format::Json => render::pretty(&troubles),
        Format::Csv => {
            let header = ["kind", "what", "count", "of"].map(str::to_owned).into();
            csv::csv(header, rows(|number| number.to_string()), args.form.texts())?
        }
    })
}
