//! Sequences that once got a wrong answer, as short as they could be made.
