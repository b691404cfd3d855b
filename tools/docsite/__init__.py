"""The documentation site: the pages of this repository as they are, and a reference that is generated from the code.

python -m docsite        # builds build/docs/html; any warning is an error
"""
