//! `sessionmill report errors`: what failed, and what is wrong with the data.

use super::scope::Scope;
use crate::base::error::{Result, Status, thousands};
use crate::cli::{Context, Form, print, terminal_width};
use crate::plugs::usage::report::errors::{self, Trouble};
use crate::report::csv;
use crate::report::grid::{Field, grid};
use crate::report::money;
use crate::report::render::{self, Format};

/// What failed, and what is wrong with the data
///
/// Failed tool calls by tool and by cause, calls that failed for one cause three times or more in a row, files that
/// were changed three times or more in a session, errors of the API, source files that could not be dealt with,
/// malformed lines, types that no rule is known for, output counts that are placeholders, models without a price.
/// Snapshots have no examples unless `titles` of `[publish]` is `all`.
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
        let row = move |Trouble { kind, what, count, of, .. }: &Trouble| {
            vec![kind.name().to_owned(), what.clone(), number(*count), of.map_or_else(String::new, number)]
        };
        troubles.iter().map(row)
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    print(&match args.form.format() {
        Format::Table if troubles.is_empty() => "nothing to report\n".to_owned(),
        Format::Table => {
            let mut fields =
                vec![Field::name("Kind"), Field::text("What"), Field::name("Count"), Field::name("Of").spare(1)];
            let mut rows: Vec<_> = rows(thousands).collect();
            let mut add = |field: Field, cell: &dyn Fn(&Trouble) -> String| {
                if troubles.iter().any(|trouble| !cell(trouble).is_empty()) {
                    fields.push(field);
                    rows.iter_mut().zip(&troubles).for_each(|(row, trouble)| row.push(cell(trouble)));
                }
            };
            let cost = |trouble: &Trouble| trouble.cost.map(money::rounded).unwrap_or_default();
            add(Field::name("Cost").spare(2), &cost);
            let day = |trouble: &Trouble| text(&trouble.first_seen).chars().take(10).collect();
            add(Field::name("First seen").spare(3), &day);
            add(Field::text("Example").spare(4), &|trouble| text(&trouble.example));
            grid(&fields, &rows, terminal_width())
        }
        Format::Json => render::pretty(&troubles),
        Format::Csv => {
            let header = ["kind", "what", "count", "of", "cost_usd", "first_seen", "example"].map(str::to_owned).into();
            let more = troubles.iter().map(|trouble| {
                let cost = trouble.cost.map(money::exact).unwrap_or_default();
                [cost, text(&trouble.first_seen), text(&trouble.example)]
            });
            let rows = rows(|number| number.to_string()).zip(more);
            csv::csv(
                header,
                rows.map(|(row, more)| row.into_iter().chain(more).collect::<Vec<_>>()),
                args.form.texts(),
            )?
        }
    })
}
