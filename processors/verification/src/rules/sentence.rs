//! A sentence of a turn, as words that can be compared.

use std::collections::BTreeSet;
use std::ops::Range;

/// A part of a text, with its words.
#[derive(Clone, Debug)]
pub(super) struct Sentence<'t> {
    pub(super) text: &'t str,
    /// Where it stands in the turn's text.
    pub(super) range: Range<usize>,
    pub(super) words: Vec<Word>,
    pub(super) is_question: bool,
}

/// A word in lower case, or a mark that divides clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) lower: String,
    /// Where it stands in the turn's text.
    pub(super) range: Range<usize>,
}

impl Word {
    pub(super) fn is_mark(&self) -> bool {
        !self.lower.contains(char::is_alphanumeric) && self.lower != "%"
    }
}

impl<'t> Sentence<'t> {
    pub(super) fn new(text: &'t str, range: Range<usize>) -> Self {
        let part = &text[range.clone()];
        let words = words(part, range.start);
        Self { text, words, is_question: part.trim_end().ends_with('?'), range }
    }
}

/// Words and the marks between them. Marks inside a word, such as those of `us-east-1` or `don't`,
/// are part of it.
fn words(part: &str, offset: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let chars: Vec<(usize, char)> = part.char_indices().collect();
    for (position, &(at, c)) in chars.iter().enumerate() {
        let next = chars.get(position + 1).map(|(_, c)| *c);
        let inside = start.is_some() && next.is_some_and(|next| next.is_alphanumeric() || next == '_');
        if c.is_alphanumeric()
            || c == '_'
            || inside && matches!(c, '\'' | '’' | '-' | '.' | '/' | '&' | '@' | ':' | ',')
        {
            let is_divider = matches!(c, ':' | ',') && !is_within_number(&chars, position);
            if !is_divider {
                start.get_or_insert(at);
                continue;
            }
        }
        if let Some(start) = start.take() {
            words.push(word(part, start..at, offset));
        }
        if matches!(c, ',' | ':' | ';' | '(' | ')' | '—' | '–' | '-' | '%' | '=' | '!' | '.' | '?') {
            words.push(word(part, at..at + c.len_utf8(), offset));
        }
    }
    if let Some(start) = start {
        words.push(word(part, start..part.len(), offset));
    }
    words
}

/// Whether the mark stands between two digits, as in `10:00` and `1,000`.
fn is_within_number(chars: &[(usize, char)], position: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|(_, c)| c.is_ascii_digit());
    digit(position.checked_sub(1)) && digit(Some(position + 1))
}

fn word(part: &str, range: Range<usize>, offset: usize) -> Word {
    let lower = part[range.clone()].to_lowercase().replace('’', "'");
    Word { lower, range: range.start + offset..range.end + offset }
}

/// The words without the phrase that they begin with, if they do.
pub(super) fn strip<'w>(words: &'w [Word], phrase: &str) -> Option<&'w [Word]> {
    let mut rest = words;
    for expected in phrase.split(' ') {
        let (first, others) = rest.split_first()?;
        if first.lower != expected {
            return None;
        }
        rest = others;
    }
    Some(rest)
}

/// The words without the longest of the phrases that they begin with.
pub(super) fn strip_any<'w>(words: &'w [Word], phrases: &[&str]) -> Option<&'w [Word]> {
    phrases.iter().filter_map(|phrase| strip(words, phrase)).min_by_key(|rest| rest.len())
}

/// Where one of the phrases stands among the words: the words before and after.
pub(super) fn split_at_any<'w>(words: &'w [Word], phrases: &[&str]) -> Option<(&'w [Word], &'w [Word])> {
    (0..words.len()).find_map(|at| strip_any(&words[at..], phrases).map(|rest| (&words[..at], rest)))
}

pub(super) fn has_any(words: &[Word], phrases: &[&str]) -> bool {
    split_at_any(words, phrases).is_some()
}

/// Beginnings of the words that carry meaning, so that `invoice` and `invoices` are one; numbers as
/// digits.
pub(super) fn stems(words: &[Word]) -> BTreeSet<String> {
    let meaning = words.iter().filter(|word| !word.is_mark() && !is_stop_word(&word.lower));
    meaning.map(|word| stem(&word.lower)).collect()
}

const STEM: usize = 6;

fn stem(word: &str) -> String {
    if let Some(number) = NUMBERS.iter().find_map(|(name, number)| (*name == word).then_some(number)) {
        return (*number).to_owned();
    }
    if word.contains(|c: char| c.is_ascii_digit() || c == '_') {
        return word.to_owned();
    }
    let word = word.strip_suffix("'s").unwrap_or(word);
    let singular = if word.chars().count() > 3 { word.strip_suffix('s').unwrap_or(word) } else { word };
    singular.chars().take(STEM).collect()
}

/// Numbers and codes: what two statements about the same thing can differ in.
pub(super) fn values(words: &[Word]) -> BTreeSet<String> {
    stems(words).into_iter().filter(|stem| stem.contains(|c: char| c.is_ascii_digit())).collect()
}

const NUMBERS: [(&str, &str); 46] = [
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("fifteen", "15"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("fifty", "50"),
    ("hundred", "100"),
    ("zwei", "2"),
    ("drei", "3"),
    ("vier", "4"),
    ("fünf", "5"),
    ("sechs", "6"),
    ("sieben", "7"),
    ("acht", "8"),
    ("zehn", "10"),
    ("zwölf", "12"),
    ("dos", "2"),
    ("tres", "3"),
    ("cuatro", "4"),
    ("cinco", "5"),
    ("siete", "7"),
    ("ocho", "8"),
    ("diez", "10"),
    ("doce", "12"),
    ("deux", "2"),
    ("trois", "3"),
    ("quatre", "4"),
    ("cinq", "5"),
    ("huit", "8"),
    ("dix", "10"),
    ("douze", "12"),
    ("dois", "2"),
    ("três", "3"),
    ("quatro", "4"),
    ("sete", "7"),
    ("oito", "8"),
    ("dez", "10"),
];

/// Words without a meaning of their own, in English, German, Spanish, French and Portuguese.
pub(super) fn is_stop_word(word: &str) -> bool {
    const WORDS: &str = " a about above after again all also am an and any are aren't as at be because been before being \
        below between both but by can cannot could did didn't do does doesn't doing don't down during each either else \
        ever every few for from further get gets give given go goes going got had has have having he her here hers him \
        his how however i i'd i'll i'm i've if in into is isn't it it's its itself just let let's like may me means \
        might mine more most much must my need needs no nor not of off ok okay on once one ones only onto or other our \
        ours out over own please rather same say says see seem seems shall she should since so some such than thanks \
        that that's the their theirs them then there there's these they they're this those though through thus to too \
        under until up upon us use used uses using very want was we we're well were what when where whether which while \
        who whom whose why will with within without won't would yes yet you you're your yours always never actually \
        already still now really \
        aber als am an auch auf aus bei beim bin bis das dass dem den der des die dies diese dieser doch dort du ein \
        eine einem einen einer er erst es für hat haben hier ich ihr im immer in ist ja kann kein keine man mit nach \
        nicht noch nur oder ohne pro sein sich sie sind so um und uns unser unsere unter vom von vor war was wenn wer \
        wie wir wird zu zum zur nein \
        al algo como con cuando cual de del desde donde dos el ella en entonces entre era es esa ese eso esta este esto \
        fue ha hasta hay la las le lo los mas más me mi muy ni no nos nuestra nuestro o para pero por porque que qué se \
        según sí siempre sin sobre solo sólo son su sus también un una uno y ya \
        à alors après au aucun aussi aux avec avant c'est ce ces cet cette chez comme dans depuis des donc du elle en \
        est et eux il ils je l'on leur leurs lui mais même ne nos notre nous on ou où par pas plus pour qu'il quand que \
        qui sa sans se ses si son sont sous sur ta te tes toi ton tous tout toujours très tu un une vos votre vous \
        ao aos as às até com da das de dela dele do dos e é ela ele em entre essa esse esta este eu foi isso isto já \
        lhe mais mas mesmo na nas não nem no nos nossa nosso num numa o os ou para pela pelo por quando que são sem \
        ser seu sempre só sua suas também tem um uma ";
    let padded = [" ", word, " "].concat();
    WORDS.contains(&padded)
}
