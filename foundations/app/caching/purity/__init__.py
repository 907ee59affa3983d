"""What a call touches that a hit would not: files, environment variables, the process, values that others share.

Start with ``observed_calls``, which makes a call and observes it by means of all the others: ``file_watch`` (files that
are read and written), ``project_listing`` (files that come and go), ``environment_watch`` (environment variables),
``process_state`` (settings of the whole process, as the working directory), and ``shared_outputs`` (outputs of earlier
stages and globals, digested before and after a call: a stage that changes one is not cacheable).
"""
