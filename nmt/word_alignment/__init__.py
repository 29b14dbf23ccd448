"""Statistical word alignment: word links of parallel text from the text alone, without a run or another program."""
