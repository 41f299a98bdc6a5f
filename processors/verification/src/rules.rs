//! Finds claims by rules of language: deterministic, offline, and blind to what is not said in so many
//! words.

use sessionmill_contract::{Bound, Claim, Detection, Detector, Domain, Failure, Role, View, Window};

/// The detector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

/// Words by which people announce a definition.
const ANNOUNCED: [&str; 3] = ["by the way, ", "for context, ", "fyi, "];

/// Words that stand between a term and its meaning.
const MEANS: [&str; 3] = [" means ", " stands for ", " refers to "];

impl Detector for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn version(&self) -> u32 {
        1
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Window { turns: 16, overlap: 4 }
    }

    fn claims(&self, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let fresh = view.turns.iter().enumerate().skip(view.fresh);
        let prompts = fresh.filter(|(_, turn)| turn.role == Role::Person);
        Ok(prompts.flat_map(|(turn, prompt)| definitions(turn, &prompt.text)).collect())
    }
}

fn definitions(turn: usize, text: &str) -> impl Iterator<Item = Claim> {
    text.split_inclusive(['.', '\n']).filter_map(move |sentence| {
        let quote = sentence.trim();
        let announced = ANNOUNCED
            .iter()
            .find(|start| quote.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))?;
        let fact = &quote[announced.len()..];
        let (term, _) = MEANS.iter().find_map(|means| fact.split_once(means))?;
        let is_fine = term.chars().count() <= Claim::TITLE && quote.chars().count() <= Claim::CONTENT;
        is_fine.then(|| Claim {
            turn,
            detection: Detection::UnpromptedDefinition,
            title: term.to_owned(),
            content: fact.to_owned(),
            quote: quote.to_owned(),
            domain: Domain::Engineering,
            entities: vec![term.to_owned()],
        })
    })
}
