"""What a job leaves for those who look for it later, and the methods of its deployment that read and change it.

``artifacts`` has the artifacts of a job.
"""
