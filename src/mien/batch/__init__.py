"""Predict many pictures and videos on many cores and machines, into Parquet files. Needs the extra `scale`.

sources   find files and read their content, from folders, globs, lists and object stores
store     the output folder, on this machine or in an object store
settings  the settings that determine the rows, and nothing else
plan      which file belongs to which part; a part is done exactly when its file exists
table     write rows as a Parquet file
reading   one worker: a recognizer that reads parts
cluster   the workers, on Ray Data
run       all steps together
"""
