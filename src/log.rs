//! The log: typed events in, lines of text or JSON out (contract 8). Pure: the clock and the descriptor
//! belong to the outlet.

pub mod event;
pub mod line;
