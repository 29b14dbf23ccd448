"""The synchronous grammar behind make_sample_corpus.py: English and German sentences that are grown together.

lexicon       tables: words, determiners, fixed expressions, and how often each construction is chosen
words         the nouns, verbs, places and adjectives that are read from those tables
phrases       words of a sentence with their links, and pieces of a sentence in both languages
clauses       conjugation, and the order of words in each language
noun_phrases  noun phrases that contain no clause
grammar       noun phrases with a relative clause, clauses and sentences
"""
