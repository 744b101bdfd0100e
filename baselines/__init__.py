"""Stored top performers: dated JSON files, never edited, superseded by newer ones."""
