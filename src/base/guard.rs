//! Panics that are contained: a bug in the code that is called costs what it was called for, and nothing else.
//!
//! What a panic says is never repeated, since it can quote a transcript; the log says where it was.

use sessionmill_contract::{Failure, FailureClass};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code whose panic is an error like any other. Whatever the code was changing must not be used after a
/// panic.
///
/// # Errors
///
/// That of the code, or `panicked`.
pub fn guard<T, E>(code: impl FnOnce() -> Result<T, E>, panicked: impl FnOnce() -> E) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|_| Err(panicked()))
}

/// Runs code of a processor, whose panic is a failure of class `panic`. `place` says where, as in ` at line 4`.
///
/// # Errors
///
/// The failure that the processor gives, or the panic's.
pub fn processor<T>(place: &str, code: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    guard(code, || panicked(place))
}

/// The failure of a processor that panicked there.
pub fn panicked(place: &str) -> Failure {
    Failure::new(FailureClass::Panic, format!("the processor panicked{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_says_where_it_was_and_not_what() {
        let text = "words of a transcript";
        let failure = processor(" at line 4", || -> Result<(), Failure> { panic!("{text}") });
        assert_eq!(failure, Err(Failure::new(FailureClass::Panic, "the processor panicked at line 4")));
        assert_eq!(guard(|| Err::<(), _>("its own"), || "a panic"), Err("its own"));
        assert_eq!(guard(|| Ok::<_, &str>(1), || "a panic"), Ok(1));
    }
}
