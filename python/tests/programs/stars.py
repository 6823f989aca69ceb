def starred(x):
    return x + STAR


STAR = 40
