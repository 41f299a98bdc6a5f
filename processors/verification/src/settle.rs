//! Makes items, evidence and relations from claims and reviews.

use crate::heir::{self, Heirs};
use crate::item::items;
use crate::material::Material;
use crate::relation;
use crate::review::REVIEWS;
use crate::statement::Statement;
use sessionmill_contract::{Failure, Inputs, Rows, Value};
use std::cell::LazyCell;

/// Settles claims: all of them, or those of some clusters.
///
/// # Errors
///
/// If a row is not a claim or a review.
pub fn settle(inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
    let statements = Statement::all(inputs.facts)?;
    let reviews = if are_about(inputs.reviews, &statements) { inputs.reviews } else { &[] };
    let heirs = Heirs::new(&statements, reviews)?;
    let material = Material::new(statements, &heirs.reviews)?;
    let items = items(&material);
    for item in &items {
        item.push(&material, rows);
    }
    relation::push(&items, &material, rows);
    heirs.push(rows);
    Ok(())
}

/// Whether any review is about these statements or their records. Most claims were never reviewed, and parsing all
/// reviews for each cluster would take longer than everything else.
fn are_about(reviews: &[Vec<Value>], statements: &[Statement<'_>]) -> bool {
    let [ids, grounds] =
        [["item_id", "other_id"], ["grounds", "other_grounds"]].map(|of| of.map(|c| REVIEWS.position(c)));
    let texts = |row: &[Value], of: [Option<usize>; 2], is_known: &dyn Fn(&str) -> bool| {
        of.into_iter().flatten().filter_map(|at| row.get(at)?.as_str()).any(is_known)
    };
    let records =
        LazyCell::new(|| statements.iter().map(|statement| heir::record(statement.claim_id)).collect::<Vec<_>>());
    let is_stated = |id: &str| statements.iter().any(|statement| statement.id == id);
    let is_of_record = |grounds: &str| heir::records(grounds).any(|one| records.iter().any(|record| record == one));
    reviews.iter().any(|row| texts(row, ids, &is_stated) || texts(row, grounds, &is_of_record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Detection;
    use crate::claim::{CLAIMS, ClaimRow};
    use crate::cluster::{CLUSTER_INPUTS, clusters};
    use crate::evidence::{self, EVIDENCE};
    use crate::heir::{Ground, HEIRS};
    use crate::item::{ITEMS, Item};
    use crate::relation::RELATIONS;
    use crate::review::{Action, Finding, ReviewRow, Standing};
    use crate::wording::Comparison;
    use chrono::DateTime;
    use fastrand::Rng;
    use sessionmill_contract::{Cell, Cells as _, Clusters, Columns, FactRow, Member, Row as _, RowRef, Table};
    use std::collections::{BTreeMap, BTreeSet, HashSet};
    use unicode_segmentation::UnicodeSegmentation;

    /// A claim, with the file that it comes from.
    #[derive(Clone, Debug)]
    struct Fact {
        session_file: String,
        username: String,
        values: Vec<Value>,
    }

    /// The cells of claims.
    fn columns(facts: &[Fact]) -> Columns {
        let mut columns = Columns::new(&CLAIMS);
        facts.iter().for_each(|fact| columns.push(fact.values.iter().map(Value::cell)));
        columns
    }

    /// Claims in the form in which a settlement gets them.
    fn rows<'f>(facts: &'f [Fact], columns: &'f Columns) -> Vec<FactRow<'f>> {
        let row = |(fact, values): (&'f Fact, _)| FactRow {
            session_file: &fact.session_file,
            username: &fact.username,
            values,
        };
        facts.iter().zip(columns.rows()).map(row).collect()
    }

    /// A claim of a person in a source file.
    fn fact(kind: Detection, content: &str, entities: &[&str], user: &str, file: &str, line: u64) -> Fact {
        let entities = serde_json::json!(entities).to_string();
        let time = DateTime::from_timestamp(86_400 * i64::try_from(line).unwrap(), 0).unwrap();
        let title: String = content.chars().take(20).collect();
        let claim = ClaimRow {
            domain: "finance",
            claim_id: &format!("uuid:{file}-{line}:0"),
            detection_type: kind.name(),
            title: &title,
            content,
            user_quote: "quote",
            entities: &entities,
            time: Some(time),
            session_id: "s1",
            line,
            scope: Some("project"),
            project: Some("/src"),
            likelihood: None,
            signs: Some("[]"),
            template_id: None,
        };
        Fact { session_file: format!("{user}/{file}.jsonl"), username: user.to_owned(), values: claim.values() }
    }

    fn review(review_id: i64, item_id: &str, action: Action, other_id: Option<&str>) -> Vec<Value> {
        let (action, reviewed_at) = (action.name(), DateTime::UNIX_EPOCH);
        ReviewRow { review_id, ..ReviewRow::new(item_id, action, other_id, "carol", reviewed_at) }.values()
    }

    fn id(content: &str) -> String {
        crate::statement::id(&content.chars().take(20).collect::<String>(), content)
    }

    fn settled(facts: &[Fact], reviews: &[Vec<Value>]) -> Rows {
        let (columns, mut entities) = (columns(facts), Rows::default());
        let inputs = Inputs { facts: &rows(facts, &columns), edges: &[], reviews };
        settle(inputs, &mut entities).unwrap();
        entities
    }

    /// Some columns of a table's rows, as text.
    fn cells(rows: &Rows, table: &Table, columns: &[&str]) -> Vec<String> {
        let cell = |row: RowRef<'_>, column: &str| match row.cell(table.position(column).unwrap()) {
            Cell::Text(text) => text.to_owned(),
            Cell::Int(int) => int.to_string(),
            Cell::Time(time) => time.date_naive().to_string(),
            Cell::Null => "-".to_owned(),
            other => format!("{other:?}"),
        };
        rows.of(table).map(|row| columns.iter().map(|c| cell(row, c)).collect::<Vec<_>>().join(" ")).collect()
    }

    const ARR: &str = "Annual recurring revenue counts signed contracts of paying customers only";
    const ARR_AGAIN: &str = "Annual recurring revenue counts signed contracts of paying customers";
    const ARR_LOOSE: &str = "Annual recurring revenue means the signed contracts of the paying customers";
    const DAYS_14: &str = "The refund window of the consumer plan is 14 days in Europe";
    const DAYS_30: &str = "The refund window of the consumer plan is 30 days in Europe";

    use Detection::{Confirmation, Correction, Instruction, UnpromptedDefinition as Definition};

    #[test]
    fn statements_that_say_the_same_are_evidence_of_the_oldest_item() {
        let facts = [
            fact(Confirmation, ARR_AGAIN, &["ARR"], "bob", "b", 2),
            fact(Definition, ARR, &["ARR"], "ada", "a", 1),
            fact(Confirmation, ARR, &["ARR"], "bob", "c", 3),
            fact(Correction, ARR_AGAIN, &["ARR"], "eve", "e", 4),
            fact(Correction, ARR_LOOSE, &["ARR"], "eve", "f", 5),
        ];
        let rows = settled(&facts, &[]);
        let columns = ["item_id", "corrections", "confirmations", "definitions", "verifiers", "last_verified"];
        let expected = [
            format!("{} 1 2 1 3 1970-01-05", id(ARR)),
            // A correction says something new, unless it has the same words as an earlier claim.
            format!("{} 1 0 0 1 1970-01-06", id(ARR_LOOSE)),
        ];
        assert_eq!(cells(&rows, &ITEMS, &columns), expected);
        let pieces = cells(&rows, &EVIDENCE, &["item_id", "statement_id", "session_file"]);
        assert_eq!(pieces[1], format!("{} {} bob/b.jsonl", id(ARR), id(ARR_AGAIN)));
    }

    #[test]
    fn less_similarity_is_enough_for_statements_that_share_two_entities() {
        let facts = |entities: &[&str]| {
            [
                fact(Definition, ARR, entities, "ada", "a", 1),
                fact(Confirmation, ARR_LOOSE, &["arr", "Contracts"], "bob", "b", 2),
            ]
        };
        assert_eq!(settled(&facts(&["ARR", "contracts", "x"]), &[]).of(&ITEMS).count(), 1);
        assert_eq!(settled(&facts(&["ARR", "customers"]), &[]).of(&ITEMS).count(), 2);
    }

    #[test]
    fn another_number_is_another_item_and_a_correction_of_it_a_contradiction() {
        let facts = [
            fact(Confirmation, DAYS_14, &["refund", "Europe"], "ada", "a", 1),
            fact(Confirmation, DAYS_30, &["refund", "Europe"], "bob", "b", 2),
            fact(Correction, &DAYS_30.replace("is", "was"), &["refund"], "eve", "e", 3),
        ];
        let rows = settled(&facts, &[]);
        assert_eq!(rows.of(&ITEMS).count(), 3);
        let expected = [format!("contradicts {} {} 833 1", id(&DAYS_30.replace("is", "was")), id(DAYS_14))];
        let columns = ["kind", "from_item", "to_item", "score", "shared_entities"];
        assert_eq!(cells(&rows, &RELATIONS, &columns), expected);
        let rejected = [review(1, &id(DAYS_14), Action::Reject, None)];
        assert_eq!(settled(&facts, &rejected).of(&RELATIONS).count(), 0);
    }

    #[test]
    fn a_contradiction_that_a_model_found_names_the_model() {
        let days_60 = DAYS_30.replace("30", "60");
        let facts = [
            fact(Confirmation, DAYS_14, &["refund"], "ada", "a", 1),
            fact(Definition, ARR, &["ARR"], "ada", "b", 2),
            fact(Confirmation, ARR_AGAIN, &["ARR"], "bob", "c", 3),
            fact(Correction, &days_60, &["refund", "ARR"], "eve", "e", 4),
        ];
        let said = |number: i64, item: &str, finding: Finding, other: Option<&str>| {
            let mut row = review(number, item, Action::Approve, other);
            (row[2], row[4]) = (finding.name().into(), "openai:m-1".into());
            row
        };
        let contradicts =
            |number: i64, other: &str| said(number, &id(&days_60), Finding::Contradicts, Some(&id(other)));
        let mut reviews = vec![
            said(0, &id(&days_60), Finding::Judged, None),
            contradicts(1, DAYS_14),
            contradicts(2, ARR_AGAIN),
            contradicts(3, "nobody states this"),
            said(4, &id(DAYS_14), Finding::Unjudged, None),
        ];
        let columns = ["from_item", "to_item", "score", "shared_entities", "judge"];
        let found = |reviews: &[Vec<Value>]| cells(&settled(&facts, reviews), &RELATIONS, &columns);
        let line = |other: &str, rest: &str| format!("{} {} {rest}", id(&days_60), id(other));
        assert_eq!(found(&[]), [line(DAYS_14, "916 1 -")]);
        // A text that is evidence of another item stands for that item.
        assert_eq!(found(&reviews), [line(DAYS_14, "916 1 openai:m-1"), line(ARR, "- 1 openai:m-1")]);
        // A model that is asked in the other direction finds the same contradiction.
        reviews.extend([
            said(5, &id(ARR), Finding::Judged, None),
            said(6, &id(ARR), Finding::Contradicts, Some(&id(&days_60))),
        ]);
        assert_eq!(found(&reviews).len(), 2);
        let statuses = cells(&settled(&facts, &reviews), &ITEMS, &["status", "reviewer"]);
        assert_eq!(statuses, ["pending -"; 3], "a model approves nothing");
        reviews.push(review(7, &id(ARR), Action::Reject, None));
        assert_eq!(found(&reviews), [line(DAYS_14, "916 1 openai:m-1")]);
    }

    #[test]
    fn an_item_is_of_the_domain_that_most_of_its_evidence_is_of() {
        let said = |domains: &[&str]| {
            let numbered = domains.iter().zip(1..).map(|(domain, day)| {
                let mut fact = fact(Definition, ARR, &["ARR"], "ada", &day.to_string(), day);
                fact.values[CLAIMS.position("domain").unwrap()] = (*domain).into();
                fact
            });
            let mut facts: Vec<_> = numbered.collect();
            // A copy adds nothing.
            facts.push(Fact { session_file: "bob/copy.jsonl".into(), ..facts[0].clone() });
            let domains = cells(&settled(&facts, &[]), &ITEMS, &["domain", "definitions"]);
            facts.reverse();
            assert_eq!(cells(&settled(&facts, &[]), &ITEMS, &["domain", "definitions"]), domains);
            domains.join(" and ")
        };
        assert_eq!(said(&["data", "finance", "finance"]), "finance 3");
        assert_eq!(said(&["data", "finance"]), "finance 2", "the first in the list of domains");
        assert_eq!(said(&["general", "infrastructure"]), "infrastructure 2", "what is plain");
        assert_eq!(said(&["general", "data", "general"]), "general 3");
        assert_eq!(said(&["data", "product", "general", "product"]), "product 4");
    }

    #[test]
    fn the_same_source_and_a_copy_of_it_are_one_piece() {
        let mut copy = fact(Confirmation, ARR, &[], "ada", "a", 1);
        copy.session_file = "ada/resumed.jsonl".into();
        let facts = [
            fact(Confirmation, ARR, &[], "ada", "a", 1),
            copy,
            fact(Definition, ARR, &[], "ada", "a", 2),
            fact(Confirmation, ARR, &[], "ada", "b", 3),
        ];
        let rows = settled(&facts, &[]);
        let expected = ["unprompted_definition ada/a.jsonl 2", "confirmation ada/b.jsonl 3"];
        assert_eq!(cells(&rows, &EVIDENCE, &["detection_type", "session_file", "line"]), expected);
        assert_eq!(cells(&rows, &ITEMS, &["confirmations", "definitions", "verifiers"]), ["1 1 1"]);
    }

    #[test]
    fn a_long_prompt_in_several_sessions_is_not_evidence() {
        let of = |template: &str, session: &str, claim: &str, file: &str| {
            let mut fact = fact(Instruction, ARR, &[], "ada", file, 1);
            let cells = [("template_id", template), ("session_id", session), ("claim_id", claim)];
            cells.into_iter().for_each(|(column, text)| fact.values[CLAIMS.position(column).unwrap()] = text.into());
            fact
        };
        let sessions = |facts: &[Fact]| cells(&settled(facts, &[]), &ITEMS, &["sessions"]);
        let one = of("pr_1", "s1", "uuid:a:0", "a");
        assert_eq!(sessions(&[one.clone(), of("pr_2", "s2", "uuid:b:0", "b")]), ["2"]);
        assert_eq!(sessions(&[one.clone(), of("pr_1", "s2", "uuid:a:0", "b")]), ["1"], "a copy");
        assert_eq!(sessions(&[one.clone(), of("pr_1", "s2", "uuid:b:0", "b")]), [""; 0]);
        let by_hand = fact(Instruction, ARR, &[], "bob", "c", 2);
        assert_eq!(sessions(&[one, of("pr_1", "s2", "uuid:b:0", "b"), by_hand]), ["1"]);
    }

    #[test]
    fn reviews_decide_and_hold_whatever_becomes_of_the_claims() {
        let younger = format!("{ARR} now");
        let facts = [
            fact(Correction, ARR, &[], "ada", "a", 1),
            fact(Correction, &younger, &[], "bob", "b", 2),
            fact(Confirmation, ARR_AGAIN, &[], "eve", "e", 3),
        ];
        let items = |facts: &[Fact], reviews: &[Vec<Value>]| {
            cells(&settled(facts, reviews), &ITEMS, &["item_id", "status", "corrections", "confirmations", "reviewer"])
        };
        let line = |content: &str, rest: &str| format!("{} {rest}", id(content));
        assert_eq!(items(&facts, &[]), [line(ARR, "pending 1 1 -"), line(&younger, "pending 1 0 -")]);
        let mut reviews = vec![review(1, &id(&younger), Action::Approve, None)];
        assert_eq!(items(&facts, &reviews), [line(ARR, "pending 1 0 -"), line(&younger, "approved 1 1 carol")]);
        reviews.push(review(2, &id(&younger), Action::Reject, None));
        assert_eq!(items(&facts, &reviews), [line(ARR, "pending 1 1 -"), line(&younger, "rejected 1 0 carol")]);
        reviews.push(review(3, &id(ARR), Action::Merge, Some(&id(&younger))));
        assert_eq!(items(&facts, &reviews), [line(&younger, "rejected 2 1 carol")]);
        // The item that the other one was merged into is missing for a while.
        let gone = [facts[0].clone(), facts[2].clone()];
        assert_eq!(items(&gone, &reviews), [line(ARR, "pending 1 1 -")]);
        reviews.push(review(4, &id(&younger), Action::Merge, Some(&id(ARR))));
        assert_eq!(items(&facts, &reviews), [line(ARR, "pending 1 1 -"), line(&younger, "rejected 1 0 carol")]);
        reviews.push(review(5, &id(ARR_AGAIN), Action::Split, Some(&id(ARR))));
        reviews.push(review(6, &id(ARR), Action::Split, Some(&id(&younger))));
        assert_eq!(items(&facts, &reviews), [line(ARR, "pending 2 0 -"), line(ARR_AGAIN, "pending 0 1 -")]);
        assert_eq!(items(&[], &reviews), [""; 0]);
    }

    #[test]
    fn a_decision_holds_when_an_older_statement_says_the_same() {
        let older = fact(Confirmation, ARR, &[], "ada", "a", 1);
        let facts = [
            fact(Confirmation, ARR_AGAIN, &[], "bob", "b", 3),
            fact(Correction, DAYS_14, &[], "eve", "e", 2),
            older.clone(),
        ];
        let line = |content: &str, rest: &str| format!("{} {rest}", id(content));
        let items = |facts: &[Fact], reviews: &[Vec<Value>]| {
            cells(&settled(facts, reviews), &ITEMS, &["item_id", "status", "corrections", "confirmations"])
        };
        assert_eq!(items(&facts, &[])[0], line(ARR, "pending 0 2"));
        for (action, status) in [(Action::Approve, "approved"), (Action::Reject, "rejected")] {
            let decided = [review(1, &id(ARR_AGAIN), action, None)];
            let expected = [line(DAYS_14, "pending 1 0"), line(ARR_AGAIN, &format!("{status} 0 1"))];
            assert_eq!(items(&facts[..2], &decided), expected);
            assert_eq!(items(&facts, &decided), [line(ARR, "pending 0 1"), expected[0].clone(), expected[1].clone()]);
        }
        for (from, into) in [(DAYS_14, ARR_AGAIN), (ARR_AGAIN, DAYS_14)] {
            let merged = [review(1, &id(from), Action::Merge, Some(&id(into)))];
            assert_eq!(items(&facts[..2], &merged), [line(into, "pending 1 1")]);
            assert_eq!(items(&facts, &merged), [line(ARR, "pending 0 1"), line(into, "pending 1 1")]);
        }
    }

    /// The claim as rules of another version make it: other content, from the given words of the person.
    fn reworded(claim: &Fact, content: &str, quote: &str) -> Fact {
        let mut fact = claim.clone();
        let title: String = content.chars().take(20).collect();
        for (column, text) in [("title", &*title), ("content", content), ("user_quote", quote)] {
            fact.values[CLAIMS.position(column).unwrap()] = text.into();
        }
        fact
    }

    /// A decision with its grounds: the claims of an item and of the other item.
    fn grounded(mut review: Vec<Value>, of: [&[(&Fact, bool)]; 2]) -> Vec<Value> {
        let cell = |fact: &'_ Fact, column: &str| fact.values[CLAIMS.position(column).unwrap()].clone();
        for (column, claims) in ["grounds", "other_grounds"].into_iter().zip(of) {
            let cells = |(fact, other): &(&Fact, bool)| (cell(fact, "claim_id"), cell(fact, "user_quote"), *other);
            let cells: Vec<_> = claims.iter().map(cells).collect();
            let grounds = heir::grounds(cells.iter().map(|(claim_id, quote, in_other_words)| {
                let [claim_id, quote] = [claim_id, quote].map(|cell| cell.as_str().unwrap());
                Ground { claim_id, quote, in_other_words: *in_other_words }
            }));
            review[REVIEWS.position(column).unwrap()] = grounds.map_or(Value::Null, |grounds| (&*grounds).into());
        }
        review
    }

    #[test]
    fn a_decision_carries_over_to_a_later_wording() {
        let old = fact(Confirmation, ARR, &[], "ada", "a", 1);
        let old = reworded(&old, ARR, "Note that ARR counts signed contracts only.");
        let again = reworded(&fact(Confirmation, ARR_AGAIN, &[], "bob", "b", 2), ARR_AGAIN, "ARR counts contracts.");
        let days = fact(Correction, DAYS_14, &[], "eve", "e", 3);
        let days = reworded(&days, DAYS_14, "the refund window is 14 days in Europe");
        let approve = |of: &[(&Fact, bool)]| grounded(review(1, &id(ARR), Action::Approve, None), [of, &[]]);
        let settled = |facts: &[&Fact], reviews: &[&Vec<Value>]| {
            let facts: Vec<Fact> = facts.iter().copied().cloned().collect();
            let reviews: Vec<Vec<Value>> = reviews.iter().copied().cloned().collect();
            settled(&facts, &reviews)
        };
        let items = |facts: &[&Fact], reviews: &[&Vec<Value>]| {
            cells(&settled(facts, reviews), &ITEMS, &["item_id", "status", "reviewer"])
        };
        let heirs = |facts: &[&Fact], reviews: &[&Vec<Value>]| {
            cells(&settled(facts, reviews), &HEIRS, &["review_id", "item_id", "other_id"])
        };
        let line = |content: &str, rest: &str| format!("{} {rest}", id(content));
        let new = reworded(&old, "Signed contracts alone count as ARR", "ARR counts signed contracts only");
        let (said, is) = ("Signed contracts alone count as ARR", "approved carol");
        assert_eq!(items(&[&old], &[&approve(&[(&old, false)])]), [line(ARR, is)]);
        assert_eq!(heirs(&[&old], &[&approve(&[(&old, false)])]), [""; 0]);
        assert_eq!(items(&[&new], &[&approve(&[(&old, false)])]), [line(said, is)]);
        assert_eq!(heirs(&[&new], &[&approve(&[(&old, false)])]), [format!("1 {} -", id(said))]);
        // A decision about words that somebody still states applies to these words.
        let other = reworded(&days, said, "ARR counts signed contracts only");
        assert_eq!(items(&[&old, &other], &[&approve(&[(&old, false)])]), [line(ARR, is), line(said, "pending -")]);
        // Other words in the same record are another statement, and so are the same words in another record.
        let apart = reworded(&old, said, "Also, ARR is in euros and counts what was signed.");
        assert_eq!(items(&[&apart], &[&approve(&[(&old, false)])]), [line(said, "pending -")]);
        let elsewhere = reworded(&days, said, "ARR counts signed contracts only");
        assert_eq!(items(&[&elsewhere], &[&approve(&[(&old, false)])]), [line(said, "pending -")]);
        assert_eq!(items(&[&new], &[&review(1, &id(ARR), Action::Approve, None)]), [line(said, "pending -")]);
        // The largest overlap wins.
        let part = reworded(&old, "Contracts are signed", "signed contracts only");
        let mut part = part;
        part.values[CLAIMS.position("claim_id").unwrap()] = "uuid:a-1:1".into();
        let expected = [line("Contracts are signed", "pending -"), line(said, is)];
        assert_eq!(BTreeSet::from_iter(items(&[&new, &part], &[&approve(&[(&old, false)])])), BTreeSet::from(expected));

        // The item is gone, and whoever said it in other words still does not state it.
        let newer = reworded(&again, "Contracts count as ARR", "counts contracts");
        let on_both = approve(&[(&old, false), (&again, true)]);
        assert_eq!(items(&[&newer], &[&on_both]), [line("Contracts count as ARR", is)]);
        assert_eq!(items(&[&new, &newer], &[&on_both])[0], line(said, is));
        let split = review(2, &id(ARR_AGAIN), Action::Split, Some(&id(ARR)));
        let split = grounded(split, [&[(&again, false)], &[(&old, false), (&again, true)]]);

        assert_eq!(items(&[&newer], &[&on_both, &split]), [line("Contracts count as ARR", "pending -")]);

        // A merge names two items. The last decision counts, whatever the words were when it was made.
        let merge = review(3, &id(DAYS_14), Action::Merge, Some(&id(ARR)));
        let merge = grounded(merge, [&[(&days, false)], &[(&old, false)]]);
        let days_now = reworded(&days, "Refunds: 14 days", "refund window is 14 days");
        assert_eq!(items(&[&new, &days_now], &[&merge]), [line(said, "pending -")]);
        assert_eq!(heirs(&[&new, &days_now], &[&merge]), [format!("3 {} {}", id("Refunds: 14 days"), id(said))]);
        let reject = grounded(review(4, &id(said), Action::Reject, None), [&[(&new, false)], &[]]);
        let approved = approve(&[(&old, false)]);
        assert_eq!(items(&[&new], &[&approved, &reject]), [line(said, "rejected carol")]);
        assert_eq!(items(&[&old], &[&approved, &reject]), [line(ARR, "rejected carol")], "the older rules are back");
    }

    /// Random claims with similar texts, close to the limits of similarity.
    fn claims(random: &mut Rng, count: u64) -> Vec<Fact> {
        const WORDS: [&str; 14] = [
            "revenue",
            "counts",
            "signed",
            "contracts",
            "of",
            "the",
            "customers",
            "that",
            "pay",
            "every",
            "month",
            "not",
            "14",
            "30",
        ];
        let mut texts: Vec<Vec<&str>> = Vec::new();
        (0..count)
            .map(|_| {
                let mut text = match random.choice(&texts) {
                    Some(text) if random.u8(0..4) > 0 => text.clone(),
                    _ => (0..random.usize(6..14)).map(|_| WORDS[random.usize(..12)]).collect(),
                };
                for _ in 0..random.usize(0..4) {
                    let at = random.usize(..text.len());
                    match random.u8(0..3) {
                        0 => text[at] = WORDS[random.usize(..WORDS.len())],
                        1 => text.insert(at, WORDS[random.usize(..WORDS.len())]),
                        _ if text.len() > 4 => drop(text.remove(at)),
                        _ => {}
                    }
                }
                texts.push(text.clone());
                let entities: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().filter(|_| random.bool()).collect();
                let [user, file] = [random.u8(0..4), random.u8(0..20)].map(|number| number.to_string());
                let kind = Detection::ALL[random.usize(..3)];
                let mut fact = fact(kind, &text.join(" "), &entities, &user, &file, random.u64(1..30));
                let domain = ["finance", "data", "general"][random.usize(..3)];
                fact.values[CLAIMS.position("domain").unwrap()] = domain.into();
                if random.u8(0..8) == 0 {
                    fact.values[CLAIMS.position("time").unwrap()] = Value::Null;
                }
                fact
            })
            .collect()
    }

    /// Makes the claims be about more entities than a mask has bits, some of them frequent.
    fn many_entities(random: &mut Rng, facts: &mut [Fact]) {
        for fact in facts {
            let names: Vec<_> = (0..random.u8(0..7)).map(|_| (random.u8(..14) * random.u8(..14)).to_string()).collect();
            fact.values[CLAIMS.position("entities").unwrap()] = serde_json::json!(names).to_string().as_str().into();
        }
    }

    fn reviews(random: &mut Rng, facts: &[Fact]) -> Vec<Vec<Value>> {
        let mut any = || {
            let fact = &facts[random.usize(..facts.len())];
            id(fact.values[CLAIMS.position("content").unwrap()].as_str().unwrap())
        };
        let pairs: Vec<_> = (0..12).map(|_| (any(), any())).collect();
        let action = |number: i64| [Action::Approve, Action::Reject, Action::Merge, Action::Split][number as usize % 4];
        pairs.iter().zip(0..).map(|((one, other), n)| review(n, one, action(n), Some(other))).collect()
    }

    /// The items, computed without an index or any shortcut.
    fn naive(material: &Material<'_>) -> Vec<Item> {
        let words = |n: usize| -> Vec<String> {
            material.statements[n].content.unicode_words().map(str::to_lowercase).collect()
        };
        let is_like = |a: usize, b: usize, percent: usize| {
            let (a, b) = (words(a), words(b));
            let mut row = vec![0; b.len() + 1];
            for x in &a {
                let mut diagonal = 0;
                for (at, y) in b.iter().enumerate() {
                    let above = row[at + 1];
                    row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
                    diagonal = above;
                }
            }
            200 * row[b.len()] >= percent * (a.len() + b.len())
        };
        let statement = |n: usize| &material.statements[n];
        let mut founder_of: BTreeMap<&str, usize> = BTreeMap::new();
        let mut joined = Vec::new();
        for n in 0..material.statements.len() {
            let founders: BTreeSet<_> = joined.iter().copied().collect();
            let says_the_same = |f: &usize| {
                let related = material.entities[n].shared(&material.entities[*f]) >= 2;
                let (Some(a), Some(b)) = (&material.wordings[n], &material.wordings[*f]) else { return false };
                a.agrees(b) && (is_like(n, *f, 82) || related && is_like(n, *f, 65))
            };
            let may_join = statement(n).detection != Correction && !material.reviews.is_own(&statement(n).id);
            let like = founders.into_iter().filter(|_| may_join).filter(says_the_same);
            let canonical = like.min_by_key(|f| (material.reviews.standing(&statement(*f).id), *f));
            let founder = founder_of.get(&*statement(n).id).copied().or(canonical).unwrap_or(n);
            founder_of.insert(&statement(n).id, founder);
            joined.push(founder);
        }
        let is_item = |id: &str| founder_of.get(id).is_some_and(|founder| statement(*founder).id == id);
        let mut items: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (n, founder) in joined.iter().enumerate() {
            let into = material.reviews.target(&statement(*founder).id, is_item).map_or(*founder, |id| founder_of[id]);
            items.entry(into).or_default().push(n);
        }
        items.into_iter().map(|(founder, statements)| Item { founder, statements }).collect()
    }

    #[test]
    fn the_index_misses_nothing() {
        let (mut joined, mut most) = (0, 0);
        // The last world is large enough to be searched in several spans.
        for (seed, count) in (0..300).map(|seed| (seed, 60)).chain([(300, 1_500)]) {
            let mut random = Rng::with_seed(seed);
            let facts = claims(&mut random, count);
            let reviews = if seed % 2 == 0 { Vec::new() } else { reviews(&mut random, &facts) };
            let columns = columns(&facts);
            let rows = rows(&facts, &columns);
            let material = Material::new(Statement::all(&rows).unwrap(), &reviews).unwrap();
            let items = items(&material);
            assert_eq!(items, naive(&material), "seed {seed}");
            joined += facts.len() - items.len();
            most = most.max(items.len());
        }
        assert!(joined > 3000 && most > 20, "{joined} {most}");
    }

    /// The relations, computed from every pair of items.
    fn naive_relations(material: &Material<'_>, items: &[Item]) -> Vec<String> {
        let statement = |n: usize| &material.statements[n];
        let standing = |n: usize| material.reviews.standing(&statement(n).id);
        let founders = || items.iter().map(|item| item.founder).filter(|n| standing(*n) != Standing::Rejected);
        let line = |from: usize, to: usize, score: u64| format!("{} {} {score}", statement(from).id, statement(to).id);
        let mut all = Vec::new();
        let is_correction = |n: usize| statement(n).detection == Correction;
        for correction in founders().filter(|n| is_correction(*n)) {
            let contradicted = founders().filter_map(|n| {
                let (a, b) = (material.wordings[correction].as_ref()?, material.wordings[n].as_ref()?);
                let least = if material.entities[correction].shared(&material.entities[n]) > 0 { 65 } else { 82 };
                let is_one =
                    (n < correction || !is_correction(n)) && a.contradicts(b) && Comparison::new(a).is_like(b, least);
                is_one.then(|| line(correction, n, a.likeness(b)))
            });
            all.extend(contradicted.take(5));
        }
        all
    }

    #[test]
    fn no_relation_is_missed() {
        let mut count = 0;
        for seed in 0..70 {
            let mut random = Rng::with_seed(seed);
            let mut facts = claims(&mut random, if seed < 60 { 60 } else { 300 });
            if seed >= 60 {
                many_entities(&mut random, &mut facts);
            }
            let reviews = reviews(&mut random, &facts);
            let columns = columns(&facts);
            let rows = rows(&facts, &columns);
            let material = Material::new(Statement::all(&rows).unwrap(), &reviews).unwrap();
            assert_eq!(items(&material), naive(&material), "seed {seed}");
            let expected = naive_relations(&material, &items(&material));
            let found = cells(&settled(&facts, &reviews), &RELATIONS, &["from_item", "to_item", "score"]);
            assert_eq!(found, expected, "seed {seed}");
            count += found.len();
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn no_order_of_the_claims_changes_anything() {
        for seed in 0..100 {
            let mut random = Rng::with_seed(seed);
            let mut facts = claims(&mut random, 40);
            let reviews = reviews(&mut random, &facts);
            let text = |facts: &[Fact]| {
                let rows = settled(facts, &reviews);
                [&ITEMS, &EVIDENCE, &RELATIONS].map(|table| cells(&rows, table, &table.names()))
            };
            let expected = text(&facts);
            for _ in 0..5 {
                random.shuffle(&mut facts);
                assert_eq!(text(&facts), expected, "seed {seed}");
            }
        }
    }

    /// The clusters of claims, some of which are known.
    fn clusters_of(facts: &[Fact], known: &[Option<i64>], reviews: &[Vec<Value>]) -> Clusters {
        let mut columns = Columns::new(&CLUSTER_INPUTS);
        let cell = |fact: &'_ Fact, column: &str| fact.values[CLAIMS.position(column).unwrap()].clone();
        for fact in facts {
            let values: Vec<_> = CLUSTER_INPUTS.names().iter().map(|column| cell(fact, column)).collect();
            columns.push(values.iter().map(Value::cell));
        }
        let members = columns.rows().zip(known).map(|(values, cluster)| Member { values, cluster: *cluster });
        clusters(&members.collect::<Vec<_>>(), reviews).unwrap()
    }

    /// Decisions on claims, some of which rules of another version word differently.
    fn decisions(random: &mut Rng, facts: &[Fact]) -> Vec<Vec<Value>> {
        let any = |random: &mut Rng| {
            let fact = &facts[random.usize(..facts.len())];
            (fact.clone(), random.bool())
        };
        let with_grounds = |review: Vec<Value>| {
            let [one, two, three] = [(); 3].map(|()| any(random));
            match random.bool() {
                true => grounded(review, [&[(&one.0, one.1), (&two.0, two.1)], &[(&three.0, three.1)]]),
                false => review,
            }
        };
        reviews(&mut Rng::with_seed(facts.len() as u64), facts).into_iter().map(with_grounds).collect()
    }

    #[test]
    fn clusters_settle_to_what_all_claims_do() {
        const TABLES: [&Table; 4] = [&ITEMS, &EVIDENCE, &RELATIONS, &HEIRS];
        let text = |rows: &Rows| -> Vec<String> {
            let mut all: Vec<_> = TABLES.iter().flat_map(|table| cells(rows, table, &table.names())).collect();
            all.sort();
            all
        };
        let (mut most, mut settled_again, mut left_alone, mut heirs) = (0, 0, 0, 0);
        for seed in 0..120 {
            let mut random = Rng::with_seed(seed);
            let mut all = claims(&mut random, 60);
            for fact in &mut all {
                let quote = fact.values[CLAIMS.position("content").unwrap()].clone();
                fact.values[CLAIMS.position("user_quote").unwrap()] = quote;
                if random.u8(0..6) == 0 {
                    fact.values[CLAIMS.position("template_id").unwrap()] = ["pr_1", "pr_2"][random.usize(..2)].into();
                    fact.values[CLAIMS.position("session_id").unwrap()] = ["s1", "s2"][random.usize(..2)].into();
                }
            }
            let decisions = if seed % 3 == 0 { Vec::new() } else { decisions(&mut random, &all) };
            let (mut facts, mut decided) = (all.clone(), 0);
            let mut known: Vec<Option<i64>> = vec![None; facts.len()];
            let mut shown: BTreeMap<i64, Vec<String>> = BTreeMap::new();
            for _ in 0..12 {
                let mut due = HashSet::new();
                for _ in 0..random.u8(1..4) {
                    match random.u8(0..4) {
                        0 => decided = random.usize(decided..=decisions.len()),
                        1 if !facts.is_empty() => {
                            let at = random.usize(..facts.len());
                            facts.swap_remove(at);
                            due.extend(known.swap_remove(at));
                        }
                        _ => {
                            facts.push(all[random.usize(..all.len())].clone());
                            known.push(None);
                        }
                    }
                }
                let reviews = &decisions[..decided];
                known
                    .iter_mut()
                    .filter(|known| known.is_some_and(|known| due.contains(&known)))
                    .for_each(|known| *known = None);
                let found = clusters_of(&facts, &known, reviews);
                assert_eq!(found.of, clusters_of(&facts, &vec![None; facts.len()], reviews).of, "seed {seed}");
                due.extend(&found.due);
                for (old, new) in known.iter().zip(&found.of).filter(|(old, new)| **old != Some(**new)) {
                    due.extend(old);
                    due.insert(*new);
                }
                known = found.of.into_iter().map(Some).collect();
                for cluster in &due {
                    let own = facts.iter().zip(&known).filter(|(_, known)| **known == Some(*cluster));
                    let own: Vec<_> = own.map(|(fact, _)| fact.clone()).collect();
                    shown.insert(*cluster, text(&settled(&own, reviews)));
                    most = most.max(own.len());
                }
                let count = known.iter().collect::<HashSet<_>>().len();
                settled_again += due.len();
                left_alone += count.saturating_sub(due.len());
                let mut shown: Vec<_> = shown.values().flatten().cloned().collect();
                shown.sort();
                let whole = settled(&facts, reviews);
                assert_eq!(shown, text(&whole), "seed {seed}");
                heirs += whole.of(&HEIRS).count();
            }
        }
        assert!(
            most > 20 && settled_again > 1_000 && left_alone > 1_000 && heirs > 100,
            "{most} {settled_again} {left_alone} {heirs}"
        );
    }

    #[test]
    fn every_claim_is_evidence_once_or_a_copy() {
        let mut random = Rng::with_seed(7);
        let facts = claims(&mut random, 400);
        let columns = columns(&facts);
        let rows = rows(&facts, &columns);
        let material = Material::new(Statement::all(&rows).unwrap(), &[]).unwrap();
        let items = items(&material);
        let mut numbers: Vec<_> = items.iter().flat_map(|item| item.statements.clone()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..facts.len()).collect::<Vec<_>>());
        for item in &items {
            let sources: Vec<_> =
                evidence::of(&item.statements, &material).iter().map(|p| (p.username, p.session_file)).collect();
            let of_item = item.statements.iter().map(|n| &material.statements[*n]);
            let distinct: BTreeSet<_> = of_item.map(|s| (s.username, s.session_file)).collect();
            assert_eq!((sources.len(), sources.into_iter().collect()), (distinct.len(), distinct));
        }
        assert_eq!(Standing::ALL.map(Standing::name), ["approved", "pending", "rejected"]);
    }
}
