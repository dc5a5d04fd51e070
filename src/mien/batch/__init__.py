"""Many pictures and videos, on many cores and machines: files in, Parquet files out. Needs the extra `scale`.

sources   which files there are, and their content, from folders, globs, lists and object stores
store     the folder that is written, here or in an object store
settings  what decides the rows, and nothing else
plan      which file belongs to which part; a part is done exactly when its file is there
table     rows as a Parquet file
reading   one worker: a recognizer that reads parts
cluster   the workers, on Ray Data
run       all of it together
"""
