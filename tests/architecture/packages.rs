//! What is built in: its licences, where it comes from, and what is there twice.
