//! `sessionmill report errors`: what failed, and what is wrong with the data.

use super::scope::Scope;
use crate::base::error::{Result, Status, thousands};
use crate::cli::scope::{Rows, Usual};
use crate::cli::{Context, Form, screen};
use crate::plugs::usage::report::errors::{self, Trouble};
use crate::report::grid::{Field, bar};
use crate::report::listing::{Listing, object};
use crate::report::money;
use crate::store::cell::plain;

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

/// What a table shows in a column.
type Cell<'c> = &'c dyn Fn(&Trouble) -> String;

pub(super) fn errors(args: &Args, context: &Context) -> Result<Status> {
    let report = args.scope.report(Usual::of(args.form.format(), Rows::Others), context)?;
    let troubles = report.read(context, Vec::is_empty, errors::errors)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cost = |trouble: &Trouble| trouble.cost.map(money::rounded).unwrap_or_default();
    let day = |trouble: &Trouble| text(&trouble.first_seen).chars().take(10).collect();
    let example = |trouble: &Trouble| text(&trouble.example);
    // A column that would be empty is left out.
    let part = |trouble: &Trouble| trouble.of.map(|of| bar(trouble.count, of)).filter(|_| screen().is_terminal);
    let part = |trouble: &Trouble| part(trouble).unwrap_or_default();
    let more: [(Field, Cell<'_>); 4] = [
        (Field::drawing(""), &part),
        (Field::number("Cost").spare(2), &cost),
        (Field::name("First seen").spare(3), &day),
        (Field::line("Example").spare(4), &example),
    ];
    let has_any = |cell: Cell<'_>| troubles.iter().any(|trouble| !cell(trouble).is_empty());
    let (more, cells): (Vec<_>, Vec<_>) = more.into_iter().filter(|(_, cell)| has_any(cell)).unzip();
    let fields = [Field::name("Kind"), Field::text("What"), Field::number("Count"), Field::number("Of").spare(1)];
    args.form.list(&Listing {
        rows: &troubles,
        empty: "nothing to report",
        fields: fields.into_iter().chain(more).collect(),
        shown: &|trouble: &Trouble| {
            let Trouble { kind, count, of, .. } = trouble;
            let counts = [thousands(*count), of.map(thousands).unwrap_or_default()];
            let own = [kind.words().to_owned(), trouble.words()].into_iter().chain(counts);
            own.chain(cells.iter().map(|cell| cell(trouble))).collect()
        },
        object: &object,
        names: &["kind", "what", "count", "of", "cost_usd", "first_seen", "example"],
        text: plain,
    })
}
